import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openContext, serve, shown, signIn } from './browser.mjs';
import { items, pairOfTexts } from './daemon.mjs';
import { hostileTexts } from './hostile.mjs';

/* A page on which the test shows texts itself, with the page's own modules. */
async function openBlank(t) {
    const daemon = await serve(t, items(1, 2, 0));
    const page = await signIn(await openContext(daemon));
    await shown(page);
    return page;
}

/* What the left panel holds: its elements as HTML, its text, and how long it took until laid out. */
function show(page, text, other = 'p0-r1') {
    return page.evaluate(async ([response, right]) => {
        const view = await import('/static/label_view.js');
        const pair = { number: 1, a: { id: 'a', prompt: 'q', response }, b: { id: 'b', prompt: 'q', response: right } };
        const started = performance.now();
        view.showPair(pair);
        const panel = document.getElementById('text-a');
        panel.getBoundingClientRect();
        const milliseconds = performance.now() - started;
        return { milliseconds, isOnScreen: view.isOnScreen(pair), html: panel.innerHTML.slice(0, 5000), text: panel.textContent,
            isPlain: panel.querySelector('.plain') !== null };
    }, [text, other]);
}

test('Markdown becomes the elements that it means', async (t) => {
    const page = await openBlank(t);
    const expected = {
        '|a|b|\n|:-|-:|\n|1|2|': /<table><thead><tr><th style="text-align: left;">a<\/th>.*<td style="text-align: right;">2/,
        '~~gone~~': /<s>gone<\/s>/,
        '- [x] done\n- [ ] open': /aria-label="done">☑<\/span> done.*aria-label="not done">☐<\/span> open/,
        '[a](https://example.org)': /<span class="link" title="https:\/\/example.org">a<\/span>/,
        '![a](https://example.org/a.png)': /<span class="image" title="https:\/\/example.org\/a.png">\[image: a\]/,
        '1. a\n2. b\n\n   c': /<ol[^>]*start="1"|<ol/,
        '***a***': /<em><strong>a<\/strong><\/em>/,
        'a  \nb': /a\nb/,
        '# a': /<h3 dir="auto">a<\/h3>/,
        '```python\ndef f(): pass\n```': /<code data-language="python"><span class="hljs-function"><span class="hljs-keyword">def/,
    };
    for (const [text, wanted] of Object.entries(expected)) {
        assert.match((await show(page, text)).html, wanted, text);
    }
});

test('HTML, unclosed LaTeX, money, and definitions of addresses stay as they were written', async (t) => {
    const page = await openBlank(t);
    for (const text of ['<br>', '<p>a</p>', '<li>a', 'a <b onclick="x">b</b>', '<!-- a -->', '\\(x_i', '\\[ a, b', 'f\\,x\\;y', 'It costs $5 and $10.',
        '\\{1, 2\\}', '[a]: https://example.org "t"', '[a][b]', '2 * 3 * 4', 'snake_case_name', 'a < b > c', '#hashtag', '<script>alert(1)</script>']) {
        assert.equal((await show(page, text)).text, text);
    }
});

test('LaTeX is shown as formulas, and its backslashes are not lost', async (t) => {
    const page = await openBlank(t);
    for (const text of ['\\(x_i\\)', '\\[\\frac{a}{b}\\]', '$$\\vec{x} \\, \\sqrt{2}$$', '- a \\(x_i\\) and *b*', '|a|\n|-|\n|\\(x\\)|',
        '\\[\n\\begin{aligned} a &= b \\\\\n- c &= d \\end{aligned}\n\\]', '\\(\\widehat{abc} \\xrightarrow{f} \\overbrace{xy}\\)']) {
        const { html, text: seen } = await show(page, text);
        assert.match(html, /class="katex/, text);
        assert.doesNotMatch(seen, /\uFDD0/);
    }
    const { text } = await show(page, 'an unknown \\(\\nonsense{x}\\) command, `\\(code\\)`');
    assert.equal(text, 'an unknown \\(\\nonsense{x}\\) command, \\(code\\)');
    const styled = await page.evaluate(() => document.fonts.ready.then(() => [...document.fonts].filter((font) => font.status === 'loaded').length));
    assert.ok(styled > 0, 'a font of KaTeX was loaded');
});

test('LaTeX reaches no address and no attribute', async (t) => {
    const page = await openBlank(t);
    for (const text of ['\\(\\href{javascript:alert(1)}{x}\\)', '\\(\\url{https://example.org}\\)', '\\(\\includegraphics{https://example.org/a.png}\\)',
        '\\(\\htmlStyle{position:fixed}{x}\\)', '\\(\\htmlData{a=b}{x}\\)']) {
        await show(page, text);
        assert.equal(await page.locator('#pair :is(a, img, [href], [data-a])').count(), 0, text);
    }
});

test('the key r shows both texts exactly as they are, and back', async (t) => {
    const given = ['p0-r0 **a**\r\n\\(x\\)  \n\n\n\t<b> \u00a0\u200f\ufeff|', 'p0-r1 `b`\n- [ ] c'];
    const daemon = await serve(t, pairOfTexts(...given));
    const page = await signIn(await openContext(daemon));
    await shown(page);
    const formatted = await page.locator('#text-a').innerHTML();
    await page.keyboard.press('r');
    const seen = await page.evaluate(() => ['text-a', 'text-b'].map((id) => document.getElementById(id).textContent));
    assert.deepEqual(seen.sort(), given.sort());
    assert.equal(await page.locator('#plain').getAttribute('aria-pressed'), 'true');
    await page.keyboard.press('r');
    assert.equal(await page.locator('#text-a').innerHTML(), formatted);
});

for (const length of [1 << 20, 50_000]) {
    test(`hostile texts of ${length} characters are shown in bounded time, and nothing of them runs`, async (t) => {
        const page = await openBlank(t);
        const times = [];
        /* Above the limit all of them take the same way. */
        const texts = hostileTexts(length).filter((_, i) => length <= 50_000 || i % 6 === 0);
        for (const [name, text] of texts) {
            const { milliseconds, isOnScreen, isPlain, text: seen } = await show(page, text);
            times.push([Math.round(milliseconds), name]);
            assert.ok(isOnScreen, name);
            assert.ok(!isPlain || seen === text, `${name}: plain text is the very text`);
            assert.ok(milliseconds < 5_000, `${name}: ${milliseconds} ms`);
        }
        assert.equal(await page.locator('#pair :is(script, img, a, style, iframe)').count(), 0);
        times.sort((one, other) => other[0] - one[0]);
        t.diagnostic(`the slowest: ${times.slice(0, 5).map(([time, name]) => `${JSON.stringify(name)} ${time} ms`).join(', ')}`);
    });
}
