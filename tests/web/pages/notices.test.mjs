import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answer, answerAll, assertLabels, openContext, serve, shown, signIn, untilSent } from './browser.mjs';
import { items, until } from './daemon.mjs';

const notice = (page) => page.locator('#notice');

test('a pair that was answered in another tab is replaced with a visible notice', async (t) => {
    const daemon = await serve(t, items(3, 4));
    const context = await openContext(daemon);
    const page = await signIn(context);
    await shown(page);
    const other = await context.newPage();
    await other.goto('/');
    await shown(other);
    await answer(page, '1');
    await until(() => notice(other).isVisible(), 'a notice');
    assert.match(await notice(other).textContent(), /answered in another tab/);
    await other.waitForTimeout(850);
    await answer(other, '1');
    assert.equal(await notice(other).isVisible(), false);
});

/* Another annotator takes the pair, or nobody does, after its lease was handed back. */
for (const isTaken of [false, true]) {
    test(`a pair whose lease ended is ${isTaken ? 'replaced with a notice once somebody has it' : 'kept while it is free'}`, async (t) => {
        const daemon = await serve(t, items(3, 4));
        const context = await openContext(daemon, { failing: true });
        const page = await context.newPage();
        /* Leases of 4 seconds, and a page that cannot renew them in time. */
        await page.route('**/v1/assignments', (route) => route.continue({ postData: JSON.stringify({ ...route.request().postDataJSON(), lease_seconds: 4 }) }));
        await page.route('**/renew', (route) => route.fulfill({ status: 404, contentType: 'application/json', body: '{"detail":"gone"}' }));
        await page.goto('/');
        await page.locator('#name').fill('anna');
        await page.keyboard.press('Enter');
        const before = await shown(page);
        if (isTaken) {
            await page.waitForTimeout(4_100);
            await daemon.call('POST', '/v1/assignments', { annotator: 'bert', count: 100 });
            await until(() => notice(page).isVisible(), 'a notice');
            assert.match(await notice(page).textContent(), /somebody else has it/);
            return;
        }
        await page.waitForTimeout(9_000);
        assert.deepEqual(await shown(page), before);
        assert.equal(await notice(page).isVisible(), false);
        const given = await answer(page, '1');
        await untilSent(page);
        await assertLabels(daemon, [given]);
    });
}

test('on a shared computer each person sees and sends only their own answers', async (t) => {
    const daemon = await serve(t, items(4, 4));
    const context = await openContext(daemon, { failing: true });
    const page = await signIn(context, 'anna');
    await shown(page);
    const refuse = (route) => route.abort();
    await page.route('**/v1/labels', refuse);
    const given = await answerAll(page, ['1', '2']);
    await page.locator('#sign-out').click();
    await until(() => notice(page).isVisible(), 'a notice');
    assert.match(await notice(page).textContent(), /2 answers of anna are not sent yet/);
    await page.unroute('**/v1/labels', refuse);
    await page.locator('#name').fill('bert');
    await page.keyboard.press('Enter');
    await shown(page);
    assert.equal(await page.locator('#waiting').isVisible(), false);
    given.push(await answer(page, '1'));
    await untilSent(page);
    assert.deepEqual((await daemon.labels()).map((label) => label.annotator), ['bert']);
    await page.locator('#sign-out').click();
    await page.locator('#name').fill('anna');
    await page.keyboard.press('Enter');
    await assertLabels(daemon, given);
});
