/* In plain mode, what is shown is what is stored, character by character. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openContext, serve, shown, signIn } from './browser.mjs';
import { items } from './daemon.mjs';
import { hostileTexts } from './hostile.mjs';

const SHARED = process.env.FISHERD_SHARED ?? fileURLToPath(new URL('../../../../shared', import.meta.url));
const SETS = ['alpaca', 'ukp-convarg', 'human-llm-pairs', 'mqm-sxs-zhen'];
const AT_ONCE = 400;

const HOSTILE = [
    '\n\nbegins with lines', 'ends with lines\n\n', '  two  spaces  ', '\ttab\ttab', 'a\r\nb\rc', 'a\u00a0b\u2003c\u200bd\ufeffe', '\u0000nul',
    'e\u0301 \u1100\u1161', '\u202eright to left\u202c', 'مرحبا (abc) שלום', '👩‍👩‍👧 🏳️‍🌈', '\ud800 alone', 'soft\u00adhyphen', '&amp; &lt;b&gt;',
    '<b>a</b><br><!-- c -->', '\\(x_i\\) \\[ \\, $$y$$ \\\\ $5', '|a|b|\n|-|-|\n|1|2|', '[a]: https://example.org', '- [ ] a\n1. b', '# h\n---\n***',
    '```c\nint a;\n```', 'Human: a\n\nAssistant: b\n\nHuman: c', `${'x'.repeat(4999)} y`, `${'x'.repeat(4999)}\n\ny`, '👩'.repeat(4000),
    ...hostileTexts(12_000).map(([, text]) => text),
];

/* Shows all texts, as prompts and as responses, and returns those that came out as others. */
function compare(page, texts) {
    return page.evaluate(async (all) => {
        const view = await import('/static/label_view.js');
        const wrong = [];
        for (const text of all) {
            view.showPair({ number: 1, a: { id: 'a', prompt: text, response: text }, b: { id: 'b', prompt: text, response: `b${text}` } });
            for (const [id, stored] of [['prompt', text], ['text-a', text], ['text-b', `b${text}`]]) {
                const panel = document.getElementById(id);
                const body = panel.querySelector('pre.plain');
                const isBlank = stored.trim() === '' && panel.textContent.startsWith('(empty');
                const keepsSpace = body !== null && getComputedStyle(body).whiteSpace === 'pre-wrap'
                    && getComputedStyle(body).textTransform === 'none';
                if (!isBlank && !(keepsSpace && body === panel.firstElementChild && panel.textContent === stored)) {
                    wrong.push([id, stored.slice(0, 80), panel.textContent.slice(0, 80)]);
                }
            }
        }
        return wrong;
    }, texts);
}

async function openPlain(t) {
    const daemon = await serve(t, items(1, 2, 0));
    const page = await signIn(await openContext(daemon));
    await shown(page);
    await page.keyboard.press('r');
    return page;
}

test('in plain mode hostile texts are shown as they are stored', async (t) => {
    const page = await openPlain(t);
    assert.deepEqual(await compare(page, HOSTILE), []);
});

for (const set of SETS) {
    const path = join(SHARED, 'data', set, 'items.jsonl');
    test(`in plain mode each response of ${set} is shown as it is stored`, { skip: !existsSync(path) && 'the data are missing', timeout: 240_000 }, async (t) => {
        const rows = readFileSync(path, 'utf8').trim().split('\n').map((row) => JSON.parse(row));
        const texts = [...new Set(rows.flatMap((row) => [row.prompt ?? '', row.response]))];
        const page = await openPlain(t);
        const started = performance.now();
        for (let i = 0; i < texts.length; i += AT_ONCE) {
            assert.deepEqual(await compare(page, texts.slice(i, i + AT_ONCE)), []);
        }
        t.diagnostic(`${texts.length} texts of ${rows.length} items in ${Math.round(performance.now() - started)} ms`);
    });
}
