import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse, parseInline } from '../../src/web/markdown.js';

const paragraph = (...content) => ({ type: 'paragraph', content });
const types = (text) => parse(text).map((block) => block.type);

test('plain lines are one paragraph that keeps its line breaks', () => {
    assert.deepEqual(parse('one\r\ntwo\n\nthree'), [paragraph('one\ntwo'), paragraph('three')]);
});

test('an empty text has no blocks', () => {
    assert.deepEqual(parse(''), []);
    assert.deepEqual(parse(' \n\t\n'), []);
});

test('a heading has its level and loses its closing marks', () => {
    assert.deepEqual(parse('## Why ##'), [{ type: 'heading', level: 2, content: ['Why'] }]);
    assert.deepEqual(parse('# C#'), [{ type: 'heading', level: 1, content: ['C#'] }]);
    assert.deepEqual(types('#hashtag'), ['paragraph']);
});

test('fenced code is kept unchanged, whether or not the fence is closed', () => {
    const code = { type: 'code', language: 'c', text: 'a *b* <i>\n\n  # d' };
    assert.deepEqual(parse('```c\na *b* <i>\n\n  # d\n```\nafter'), [code, paragraph('after')]);
    assert.deepEqual(parse('~~~c\na *b* <i>\n\n  # d'), [code]);
    assert.deepEqual(parse('````\n```\n````'), [{ type: 'code', language: '', text: '```' }]);
});

test('lists nest by indentation, and a list of another kind ends them', () => {
    const [list, other] = parse('2. one\n3. two\n   - deep\n     more\n\n   still two\n- else');
    assert.equal(list.ordered, true);
    assert.equal(list.first, 2);
    assert.deepEqual(list.items[0], [paragraph('one')]);
    assert.deepEqual(list.items[1].map((block) => block.type), ['paragraph', 'list', 'paragraph']);
    assert.deepEqual(list.items[1][1].items, [[paragraph('deep\nmore')]]);
    assert.deepEqual(other, { type: 'list', ordered: false, first: 1, items: [[paragraph('else')]] });
});

test('a quotation contains blocks', () => {
    assert.deepEqual(parse('> # a\n> b'), [{
        type: 'quote',
        blocks: [{ type: 'heading', level: 1, content: ['a'] }, paragraph('b')],
    }]);
});

test('three marks alone are a rule, not a list', () => {
    assert.deepEqual(types('a\n\n---\n* * *\n- b'), ['paragraph', 'rule', 'rule', 'list']);
});

test('strong text and emphasis nest', () => {
    assert.deepEqual(parseInline('**a *b*** _c_'), [
        { type: 'strong', content: ['a ', { type: 'emphasis', content: ['b'] }] },
        ' ',
        { type: 'emphasis', content: ['c'] },
    ]);
    assert.deepEqual(parseInline('*a **b** c*'), [
        { type: 'emphasis', content: ['a ', { type: 'strong', content: ['b'] }, ' c'] },
    ]);
});

test('marks without a meaning are shown', () => {
    for (const text of ['2 * 3 * 4', 'snake_case_name', '**open', '`open', 'a ** b', '[x]', '[x](', '![', '*']) {
        assert.deepEqual(parseInline(text), [text]);
    }
});

test('an escaped mark is an ordinary character', () => {
    assert.deepEqual(parseInline('\\*a\\* \\n'), ['*a* \\n']);
});

test('code between backticks is not parsed', () => {
    assert.deepEqual(parseInline('`` a`*b* ``'), [{ type: 'code', text: 'a`*b*' }]);
});

test('a link keeps its text and its address, whatever the address is', () => {
    assert.deepEqual(parseInline('see [**this**](javascript:alert(1) "t").'), [
        'see ',
        { type: 'link', content: [{ type: 'strong', content: ['this'] }], address: 'javascript:alert(1)' },
        '.',
    ]);
});

test('HTML is ordinary text', () => {
    assert.deepEqual(parse('<b onclick="x">*a*</b>'), [
        paragraph('<b onclick="x">', { type: 'emphasis', content: ['a'] }, '</b>'),
    ]);
});

test('deep or hostile nesting loses no character of plain words', () => {
    const wordsOf = (value) => JSON.stringify(value).match(/word\d+/g) ?? [];
    for (const marks of ['> ', '- ', '**', '_', '[', '`', '*', '![](', '1. ', '***']) {
        const text = Array.from({ length: 3000 }, (_, index) => `${marks.repeat(index % 40)}word${index}`).join('\n');
        assert.equal(wordsOf(parse(text)).length, 3000, `with ${marks}`);
    }
});
