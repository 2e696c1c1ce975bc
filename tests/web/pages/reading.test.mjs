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
