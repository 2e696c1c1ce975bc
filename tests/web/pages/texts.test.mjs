import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openContext, serve, shown, signIn } from './browser.mjs';
import { items, pairOfTexts, until } from './daemon.mjs';

/* The texts of both panels, as the page holds them. */
function texts(page) {
    return page.evaluate(() => ['text-a', 'text-b'].map((id) => document.getElementById(id).textContent));
}

test('a response that cannot be built as elements is shown as plain text', async (t) => {
    const many = `p0-r0 ${'`a` '.repeat(90_000)}`;
    const daemon = await serve(t, pairOfTexts(many, 'p0-r1 is short'));
    const page = await signIn(await openContext(daemon));
    const { left } = await shown(page);
    const [one, other] = await texts(page);
    assert.equal(left === 'p0-r0' ? one : other, many);
    await page.keyboard.press('1');
    await daemon.untilLabels(1);
});

test('no key and no button answers a pair whose texts are not on the screen', async (t) => {
    const daemon = await serve(t, items(2, 4));
    const page = await signIn(await openContext(daemon));
    await shown(page);
    /* What an extension, or a fault of the page, might do to one text. */
    await page.evaluate(() => document.getElementById('text-b').replaceChildren());
    for (const key of ['ArrowLeft', '2', '0', 'Space', 's']) {
        await page.keyboard.press(key);
    }
    await page.locator('[data-preference=a]').click();
    await page.waitForTimeout(300);
    assert.deepEqual(await daemon.labels(), []);
});

test('an empty response says that it is empty', async (t) => {
    const daemon = await serve(t, pairOfTexts(' \n', 'p0-r1 says something'));
    const page = await signIn(await openContext(daemon));
    await until(() => page.locator('#pair').isVisible(), 'a pair');
    assert.deepEqual((await texts(page)).sort(), ['(empty response)', 'p0-r1 says something']);
});
