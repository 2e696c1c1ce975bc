import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answer, assertAccessible, openContext, PHONE, serve, shown, signIn, untilSent } from './browser.mjs';
import { items, kind, pairOfTexts } from './daemon.mjs';

const ZOOMED = { width: 640, height: 400 }; /* a laptop of 1280 by 800 at 200 % */

async function openSmall(t, given, options) {
    const daemon = await serve(t, given);
    const page = await signIn(await openContext(daemon, { reducedMotion: 'reduce', bypassCSP: true, ...options }));
    await shown(page);
    return { daemon, page };
}

test('where responses are above and below, the buttons say so', async (t) => {
    const { page } = await openSmall(t, items(1, 2, kind.plain), { viewport: PHONE });
    assert.match(await page.locator('[data-preference=a]').innerText(), /^Choose above/);
    assert.match(await page.locator('[data-preference=b]').innerText(), /^Choose below/);
    assert.equal(await page.locator('#title-a').innerText(), 'Response above');
    assert.ok(await page.getByRole('region', { name: 'Response below text' }).isVisible());
    await assertAccessible(page, 'phone');
});

for (const [name, viewport] of [['a phone', PHONE], ['a screen at 200 % zoom', ZOOMED]]) {
    test(`on ${name} the page alone scrolls, also by key`, async (t) => {
        const { page } = await openSmall(t, items(1, 2, kind.long), { viewport });
        const inner = await page.evaluate(() => ['prompt', 'text-a', 'text-b'].filter((id) => {
            const { scrollHeight, clientHeight } = document.getElementById(id);
            return scrollHeight > clientHeight + 2;
        }));
        assert.deepEqual(inner, []);
        await page.keyboard.press('Space');
        assert.ok(await page.evaluate(() => window.scrollY > 100));
        assert.equal(await page.evaluate(() => document.scrollingElement.scrollWidth), viewport.width);
    });
}

test('at 200 % zoom most of the height is text once it is scrolled to', async (t) => {
    const { page } = await openSmall(t, items(1, 2, kind.long), { viewport: ZOOMED });
    const { height } = await page.locator('.answers').boundingBox();
    assert.ok(height <= 80, `${height} pixels for the answers`);
});

test('the bar of answers keeps its height and its place for short and long responses', async (t) => {
    const places = [];
    for (const text of ['short', 'long '.repeat(2000)]) {
        const { page } = await openSmall(t, pairOfTexts(`p0-r0 ${text}`, `p0-r1 ${text}`), { viewport: PHONE });
        places.push(await page.evaluate(() => {
            const { height, bottom } = document.querySelector('.answers').getBoundingClientRect();
            return [Math.round(height), Math.round(bottom)];
        }));
    }
    assert.deepEqual(places[0], places[1]);
});

test('the time of an answer does not run while the page is hidden', async (t) => {
    const { daemon, page } = await openSmall(t, items(1, 3), {});
    const setHidden = (isHidden) => page.evaluate((value) => {
        Object.defineProperty(document, 'hidden', { value, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
    }, isHidden);
    await setHidden(true);
    await page.waitForTimeout(2_000);
    await setHidden(false);
    await answer(page, '1');
    await untilSent(page);
    const [label] = await daemon.labels();
    assert.ok(label.duration_ms < 1_900, `${label.duration_ms} ms`);
});
