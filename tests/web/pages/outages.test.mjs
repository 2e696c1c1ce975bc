import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answer, answerAll, assertLabels, glance, openContext, serve, shown, signIn, untilSent } from './browser.mjs';
import { items, until } from './daemon.mjs';

const waiting = (page) => page.locator('#waiting');

function untilWaiting(page, count) {
    const words = count === 1 ? '1 answer waiting to be sent' : `${count} answers waiting to be sent`;
    return until(async () => await waiting(page).isVisible() && await waiting(page).textContent() === words, words);
}

test('answers given while the daemon is killed and restarted are kept, each once', async (t) => {
    const daemon = await serve(t, items(8, 4));
    const page = await signIn(await openContext(daemon, { failing: true }));
    const given = [];
    for (let round = 0; round < 3; round++) {
        given.push(...await answerAll(page, ['1', '2', '1', '2']));
        /* Without waiting: the last answers may be on their way. */
        await daemon.end('SIGKILL');
        given.push(...await answerAll(page, ['1', '2']));
        await until(() => waiting(page).isVisible(), 'answers that wait');
        await daemon.start();
        await untilSent(page);
    }
    given.push(...await answerAll(page, ['1', '2']));
    await untilSent(page);
    await assertLabels(daemon, given);
});

test('answers given offline are counted as waiting, and sent when the network is back', async (t) => {
    const daemon = await serve(t, items(4, 4));
    const context = await openContext(daemon, { failing: true });
    const page = await signIn(context);
    const given = [await answer(page, '1')];
    await daemon.untilLabels(1);
    await context.setOffline(true);
    given.push(...await answerAll(page, ['2']));
    await untilWaiting(page, 1);
    given.push(...await answerAll(page, ['0', '1']));
    await untilWaiting(page, 3);
    await context.setOffline(false);
    await untilSent(page);
    given.push(...await answerAll(page, ['2', '2']));
    await assertLabels(daemon, given);
});

test('offline the page says why there is no pair, and recovers by itself', async (t) => {
    const daemon = await serve(t, items(6, 4));
    const context = await openContext(daemon, { failing: true });
    const page = await signIn(context);
    const given = [await answer(page, '1')];
    await daemon.untilLabels(1);
    await context.setOffline(true);
    while (await until(async () => (await glance(page)).pair !== null || (await glance(page)).title === 'No pair could be fetched', 'what is next')
        && (await glance(page)).pair !== null) {
        given.push(await answer(page, '2'));
    }
    assert.equal(await page.locator('#message-text').textContent(), 'Reason: the server cannot be reached');
    await context.setOffline(false);
    given.push(await answer(page, '1'));
    await untilSent(page);
    await assertLabels(daemon, given);
});

test('an undo while offline is one label in the end', async (t) => {
    const daemon = await serve(t, items(4, 4));
    const context = await openContext(daemon, { failing: true });
    const page = await signIn(context);
    await shown(page);
    await context.setOffline(true);
    const given = await answerAll(page, ['1', '1']);
    await page.keyboard.press('u');
    given[1] = await answer(page, '0');
    await context.setOffline(false);
    await untilSent(page);
    await assertLabels(daemon, given);
});

test('answers that were not sent outlive the tab', async (t) => {
    const daemon = await serve(t, items(4, 4));
    const context = await openContext(daemon, { failing: true });
    const page = await signIn(context);
    await shown(page);
    await context.setOffline(true);
    const given = await answerAll(page, ['1', '2']);
    await untilWaiting(page, 2);
    await page.close();
    await context.setOffline(false);
    const again = await context.newPage();
    await again.goto('/');
    await untilSent(again);
    given.push(await answer(again, '1'));
    await assertLabels(daemon, given);
});
