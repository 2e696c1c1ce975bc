import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openContext, serve, shown, signIn } from './browser.mjs';
import { items, kind, pairOfTexts, until } from './daemon.mjs';

const tops = (page) => page.evaluate(() => ['text-a', 'text-b'].map((id) => document.getElementById(id).scrollTop));
const more = (page, side) => page.locator(`#more-${side}`);

async function openLong(t) {
    const daemon = await serve(t, items(1, 3, kind.long));
    const page = await signIn(await openContext(daemon, { reducedMotion: 'reduce' }));
    return { daemon, page, pair: await shown(page) };
}

test('without any tab, the keys scroll both responses together and answer nothing', async (t) => {
    const { daemon, page, pair } = await openLong(t);
    let last = 0;
    for (const key of ['ArrowDown', 'PageDown', 'Space']) {
        await page.keyboard.press(key);
        await until(async () => (await tops(page)).every((top) => top > last), key);
        const [left, right] = await tops(page);
        assert.equal(left, right);
        last = left;
    }
    for (const key of ['ArrowUp', 'PageUp', 'Home']) {
        await page.keyboard.press(key);
        await until(async () => (await tops(page)).every((top) => top < last), key);
        [last] = await tops(page);
    }
    assert.equal(last, 0);
    for (let i = 0; i < 60; i++) {
        await page.keyboard.press('Space');
    }
    assert.deepEqual(await shown(page), pair);
    assert.deepEqual(await daemon.labels(), []);
    await page.keyboard.press('s');
    await daemon.untilLabels(1);
    assert.equal((await daemon.labels())[0].preference, 'skip');
});

test('the key t lets each response scroll alone', async (t) => {
    const { page } = await openLong(t);
    await page.keyboard.press('t');
    await page.locator('#text-b').focus();
    await page.keyboard.press('PageDown');
    await until(async () => (await tops(page))[1] > 0, 'the right panel');
    assert.equal((await tops(page))[0], 0);
});

test('cut text says how many words are below, and stops saying so at the end', async (t) => {
    const { page } = await openLong(t);
    const count = async () => Number(/^([\d,]+) more words? below$/.exec(await more(page, 'a').textContent())[1].replace(',', ''));
    const first = await count();
    /* 150 times 17 words, less what fits. */
    assert.ok(first > 1_800 && first < 2_550, first);
    await page.keyboard.press('PageDown');
    await until(async () => await count() < first, 'fewer words');
    await page.keyboard.press('End');
    await until(() => more(page, 'a').isHidden(), 'no more words');
});

/* The words that are not wholly above the edge of a panel, each looked at by itself. */
function brute(page) {
    return page.evaluate(() => {
        const panel = document.getElementById('text-a');
        const edge = panel.getBoundingClientRect().bottom;
        const range = document.createRange();
        const walker = document.createTreeWalker(panel, NodeFilter.SHOW_TEXT);
        const below = [];
        for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
            for (const word of node.data.matchAll(/w\d+/g)) {
                range.setStart(node, word.index);
                range.setEnd(node, word.index + word[0].length);
                if (range.getBoundingClientRect().bottom > edge + 1) {
                    below.push(word[0]);
                }
            }
        }
        return below;
    });
}

const numbered = (n) => Array.from({ length: n }, (_, i) => `w${i}`);
const LONG = {
    'one paragraph': numbered(1500).join(' '),
    paragraphs: numbered(1500).map((word, i) => (i % 37 === 36 ? `${word}\n\n` : `${word} `)).join(''),
    'a list': numbered(400).map((word) => `- ${word}`).join('\n'),
    'marked words': numbered(1500).map((word, i) => (i % 3 === 0 ? `**${word}** ` : i % 5 === 0 ? `\`${word}\` ` : `${word} `)).join(''),
    code: `\`\`\`\n${numbered(900).map((word, i) => (i % 7 === 6 ? `${word}\n` : `${word} `)).join('')}\n\`\`\``,
};

test('the number of words below is exact, and the text fades out while there are some', async (t) => {
    const daemon = await serve(t, items(1, 2, 0));
    const page = await signIn(await openContext(daemon, { reducedMotion: 'reduce' }));
    await shown(page);
    const look = () => page.evaluate(() => {
        const panel = document.getElementById('text-a');
        return { note: document.getElementById('more-a').hidden ? '' : document.getElementById('more-a').textContent, mask: getComputedStyle(panel).maskImage };
    });
    for (const [name, response] of Object.entries(LONG)) {
        await page.evaluate(async ([text]) => {
            const view = await import('/static/label_view.js');
            view.showPair({ number: 1, a: { prompt: 'q', response: text }, b: { prompt: 'q', response: 'b' } });
        }, [response]);
        for (const key of ['', 'ArrowDown', 'PageDown', 'ArrowDown', 'PageDown']) {
            if (key) {
                await page.keyboard.press(key);
            }
            const wanted = (n) => `${n.toLocaleString('en')} more word${n === 1 ? '' : 's'} below`;
            await until(async () => { // the note follows a scroll a moment later
                const { note } = await look();
                return note === wanted((await brute(page)).length);
            }, `the number of words: ${name}, ${key}`);
            const { mask } = await look();
            assert.match(mask, /linear-gradient/);
        }
        await page.keyboard.press('End');
        await until(async () => (await look()).note === '', 'the end');
        assert.equal((await look()).mask, 'none');
        assert.deepEqual(await brute(page), []);
    }
});

test('a prompt with several turns starts at its newest one', async (t) => {
    const prompt = `Human: the first question\n\nAssistant: ${'long '.repeat(900)}\n\nHuman: the newest question`;
    const daemon = await serve(t, pairOfTexts('p0-r0', 'p0-r1', prompt));
    const page = await signIn(await openContext(daemon));
    await shown(page);
    assert.ok(await page.getByText('the newest question').isVisible());
    assert.equal(await page.getByText('the first question').isVisible(), false);
    await page.getByText('2 earlier turns').click();
    assert.ok(await page.getByText('the first question').isVisible());
});
