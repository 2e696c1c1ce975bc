import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answer, assertAccessible, assertLabels, openContext, PHONE, serve, shown, signIn, untilNothingIsLeft } from './browser.mjs';
import { items, kind, until } from './daemon.mjs';

for (const colorScheme of ['light', 'dark']) {
    for (const viewport of [undefined, PHONE]) {
        test(`axe finds nothing on the annotator's page, ${colorScheme}${viewport ? ', on a phone' : ''}`, async (t) => {
            const daemon = await serve(t, items(1, 3, kind.markdown));
            const look = { colorScheme, bypassCSP: true, reducedMotion: 'reduce', ...viewport && { viewport } };
            const context = await openContext(daemon, look);
            const blank = await context.newPage();
            await blank.goto('/');
            await blank.locator('#name').waitFor();
            await assertAccessible(blank, 'sign-in');
            const page = await signIn(context);
            await answer(page, '1');
            await shown(page);
            await assertAccessible(page, 'labelling');
            await page.keyboard.press('u');
            await assertAccessible(page, 'undo');
            await page.keyboard.press('?');
            await page.locator('#help').waitFor();
            await assertAccessible(page, 'help');
            await page.keyboard.press('Escape');
            for (const key of ['1', '2', '0']) {
                await answer(page, key);
            }
            await untilNothingIsLeft(page);
            await assertAccessible(page, 'nothing left');
        });
    }
}

const width = (page) => page.evaluate(() => document.scrollingElement.scrollWidth);

test('on a phone nothing scrolls sideways and every button can be reached', async (t) => {
    const daemon = await serve(t, items(1, 5));
    const context = await openContext(daemon, { viewport: PHONE, hasTouch: true, isMobile: true });
    const page = await context.newPage();
    await page.goto('/');
    await page.locator('#name').fill('anna');
    assert.equal(await width(page), PHONE.width);
    await page.getByRole('button', { name: 'Start' }).tap();
    const given = [];
    for (let i = 0; i < 9; i++) {
        const { left, right } = await shown(page);
        assert.equal(await width(page), PHONE.width, `${left} ${right}`);
        /* Visible without scrolling, large enough for a thumb, and not covered. */
        for (const button of await page.locator('.answers button').all()) {
            const box = await button.boundingBox();
            assert.ok(box.height >= 44 && box.width >= 44, `${box.width} by ${box.height}`);
            assert.ok(box.y >= 0 && box.y + box.height <= PHONE.height);
            assert.ok(await button.evaluate((element, [x, y]) => element.contains(document.elementFromPoint(x, y)),
                [box.x + box.width / 2, box.y + box.height / 2]));
        }
        /* Alternating sides, because a double tap answers once. */
        const preference = i % 2 === 0 ? 'a' : 'b';
        await page.locator(`[data-preference=${preference}]`).tap();
        given.push({ a: left, b: right, preference });
        await daemon.untilLabels(i + 1);
    }
    await page.getByRole('button', { name: 'Help' }).tap();
    assert.equal(await width(page), PHONE.width);
    await page.getByRole('button', { name: 'Close' }).tap();
    await assertLabels(daemon, given);
});

test('right-to-left text is shown from right to left in the prompt and the responses', async (t) => {
    const daemon = await serve(t, items(1, 2, kind.rightToLeft));
    const page = await signIn(await openContext(daemon));
    await shown(page);
    for (const id of ['prompt', 'text-a', 'text-b']) {
        const direction = await page.locator(`#${id} p`).evaluate((element) => getComputedStyle(element).direction);
        assert.equal(direction, 'rtl', id);
    }
    const title = await page.locator('#title-a').evaluate((element) => getComputedStyle(element).direction);
    assert.equal(title, 'ltr', 'the page itself');
});

test('a long response scrolls in its panel by keyboard, and the page stays', async (t) => {
    const daemon = await serve(t, items(1, 2, kind.long));
    const page = await signIn(await openContext(daemon, { reducedMotion: 'reduce' }));
    const before = await shown(page);
    const tall = await page.evaluate(() => document.scrollingElement.scrollHeight);
    assert.equal(tall, page.viewportSize().height);
    const panel = page.locator('#text-a');
    assert.ok(await panel.evaluate((element) => element.scrollHeight > 2 * element.clientHeight));
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'text-a');
    await page.keyboard.press('PageDown');
    await until(() => panel.evaluate((element) => element.scrollTop > 0), 'the panel to scroll');
    assert.deepEqual(await shown(page), before);
});

test('a screen reader hears what was answered and where the focus is', async (t) => {
    const daemon = await serve(t, items(2, 4));
    const page = await signIn(await openContext(daemon));
    await shown(page);
    const status = page.getByRole('status');
    for (const [key, words] of [['ArrowLeft', 'Left response chosen'], ['2', 'Right response chosen'], ['0', 'Tie'], ['s', 'Skipped']]) {
        const { number } = await shown(page);
        await answer(page, key);
        assert.equal(await status.textContent(), `${number}. ${words}.`);
        const focus = await page.evaluate(() => document.activeElement.textContent);
        assert.equal(focus, (await shown(page)).number);
    }
    assert.equal(await status.getAttribute('aria-live'), 'polite');
});

test('the help opens and closes by keyboard, and answers nothing', async (t) => {
    const daemon = await serve(t, items(2, 4));
    const page = await signIn(await openContext(daemon));
    const before = await shown(page);
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'How to answer' }).waitFor();
    await page.keyboard.press('1');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    assert.deepEqual(await shown(page), before);
    assert.deepEqual(await daemon.labels(), []);
});
