import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cutFormulas } from '../../src/web/formulas.js';

const sources = (text) => cutFormulas(text).formulas.map((formula) => formula.source);

test('each kind of formula is cut out, with its inside and its kind', () => {
    const { text, formulas, marks } = cutFormulas('a \\(x_i\\) b \\[y\\] c $$z$$ d');
    assert.deepEqual(formulas.map(({ inner, display }) => [inner, display]), [['x_i', false], ['y', true], ['z', true]]);
    assert.deepEqual(text.split(marks), ['a ', '0', ' b ', '1', ' c ', '2', ' d']);
});

test('money, single dollars and brackets of text are no formulas', () => {
    for (const text of ['It costs $5, not $10.', '$x$', 'a (b) [c]', '$$', '$$$$', '\\(', '\\(\\)', '\\[ \\]', '\\\\(a\\\\)']) {
        assert.deepEqual(sources(text), [], text);
    }
});

test('formulas in code are code', () => {
    const code = ['`\\(a\\)`', '``a ` \\(a\\)``', '```\n\\(a\\)\n```', '~~~tex\n$$a$$\n~~~', '- ```\n  \\[a\\]\n  ```', '> ```\n> \\[a\\]\n> ```',
        '```\n\\(never closed\\)'];
    code.forEach((text) => assert.deepEqual(sources(text), [], text));
    assert.deepEqual(sources('` \\(a\\)'), ['\\(a\\)'], 'a backtick alone');
    assert.deepEqual(sources('```\n```\n\\(a\\)\n~~~\n$$b$$'), ['\\(a\\)']);
});

test('a formula has lines and line breaks, but no blank line', () => {
    assert.deepEqual(sources('\\[\na &= b \\\\[2pt]\n- c\n\\]'), ['\\[\na &= b \\\\[2pt]\n- c\n\\]']);
    assert.deepEqual(sources('\\(a\n\nb\\)'), []);
    assert.deepEqual(sources('$$a\n\nb$$ and \\(c\\)'), ['\\(c\\)']);
});

test('the marks are characters that the text does not have', () => {
    const { text, marks } = cutFormulas('\uFDD00\uFDD0 \\(x\\)');
    assert.deepEqual(text.split(marks), ['\uFDD00\uFDD0 ', '0', '']);
});

test('a million characters of openers take no second', () => {
    for (const part of ['\\(', '\\[', '$$a', '\\(a`', '`', '` ``', '```\n', '\\(\n\n\\)', '\\\\(', '\\( a \\\\\\']) {
        const started = performance.now();
        cutFormulas(part.repeat((1 << 20) / part.length));
        assert.ok(performance.now() - started < 2_000, JSON.stringify(part));
    }
});
