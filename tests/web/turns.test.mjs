import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitTurns, turnsOf } from '../../src/web/turns.js';

test('a prompt without speakers is one turn', () => {
    assert.deepEqual(splitTurns('a\nb: c\nuserland: d'), { earlier: [], newest: 'a\nb: c\nuserland: d' });
});

test('the newest turn is the last one with words', () => {
    const text = 'Human: one\n\nAssistant: two\nmore\n\nHuman: three\n\nAssistant:';
    assert.equal(turnsOf(text).join(''), text);
    assert.deepEqual(splitTurns(text), { earlier: ['Human: one\n\n', 'Assistant: two\nmore\n\n'], newest: 'Human: three\n\nAssistant:' });
});

test('a list of turns is shown by its roles, the system prompt among the earlier ones', () => {
    const list = [{ role: 'system', content: 'Be short.' }, { role: 'user', content: 'Human: no\nWhy?' }];
    assert.deepEqual(splitTurns(JSON.stringify(list)),
        { earlier: ['System: Be short.\n\n'], newest: 'User: Human: no\nWhy?\n\n' });
});

test('what only looks like a list of turns is a text', () => {
    for (const text of ['[{"role":"user"}]', '[{"a":1', '[{]', '[{"role":"user","content":7}]']) {
        assert.deepEqual(splitTurns(text), { earlier: [], newest: text });
    }
});
