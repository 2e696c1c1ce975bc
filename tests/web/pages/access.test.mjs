import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answer, assertAccessible, assertLabels, openContext, serve, shown, untilSent } from './browser.mjs';
import { items, until } from './daemon.mjs';

async function typeToken(page, token) {
    await page.locator('#token').waitFor();
    await until(() => page.evaluate(() => document.activeElement.id === 'token'), 'the focus');
    await page.keyboard.type(token);
    await page.keyboard.press('Enter');
}

/* The token is nowhere that a script could read. */
async function assertKeptNowhere(page, token) {
    const secret = token.slice('fisherd_0123456789ab_'.length);
    assert.equal(secret.length, 43);
    const kept = await page.evaluate(() => JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage },
        document.documentElement.outerHTML, [...document.querySelectorAll('input')].map((input) => input.value)]));
    assert.ok(!kept.includes(secret));
}

test('an annotator signs in with a token, works under its name, and signs out', async (t) => {
    const daemon = await serve(t, items(2, 3), ['annotator', 'frontend']);
    const context = await openContext(daemon, { bypassCSP: true });
    const page = await context.newPage();
    await page.goto('/');
    await page.locator('#token').waitFor();
    assert.equal(await page.locator('#name').isVisible(), false);
    await assertAccessible(page, 'token');
    await typeToken(page, daemon.tokens.annotator);
    const given = [await answer(page, '1'), await answer(page, '2')];
    await untilSent(page);
    const labels = await assertLabels(daemon, given);
    assert.deepEqual(new Set(labels.map((label) => label.annotator)), new Set(['the annotator']));
    await assertKeptNowhere(page, daemon.tokens.annotator);

    await page.reload();
    await shown(page);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.locator('#token').waitFor();
    await page.reload();
    await page.locator('#token').waitFor();
    assert.equal((await context.cookies()).length, 0);
});

test('the page reports an invalid token and takes the next one', async (t) => {
    const daemon = await serve(t, items(1, 3), ['annotator', 'frontend']);
    const context = await openContext(daemon, { failing: true, bypassCSP: true });
    const page = await context.newPage();
    await page.goto('/');
    await typeToken(page, 'nonsense');
    await until(async () => (await page.locator('#sign-in-error').textContent()).includes('not valid'), 'an error');
    assert.equal(await page.locator('#token').getAttribute('aria-invalid'), 'true');
    await assertAccessible(page, 'token refused');
    await page.locator('#token').fill('');
    await typeToken(page, daemon.tokens.annotator);
    await shown(page);
});

test('when the token is revoked, the page asks for another and continues without losing an answer', async (t) => {
    const daemon = await serve(t, items(2, 3), ['annotator', 'frontend']);
    const context = await openContext(daemon, { failing: true });
    const page = await context.newPage();
    await page.goto('/');
    await typeToken(page, daemon.tokens.annotator);
    const given = [await answer(page, '1')];
    await untilSent(page);
    await daemon.revoke('the annotator');
    const whoIsHere = () => fetch('/v1/session').then((response) => response.json());
    await until(async () => (await page.evaluate(whoIsHere)).authentication === 'required', 'the end of the session');
    given.push(await answer(page, '2'));
    await page.locator('#token').waitFor();
    assert.match(await page.locator('#sign-in-error').textContent(), /session is over/);
    await typeToken(page, await daemon.makeToken('annotator'));
    given.push(await answer(page, '1'));
    await untilSent(page);
    await assertLabels(daemon, given);
});

test('a visitor with the role frontend enters the name to answer under', async (t) => {
    const daemon = await serve(t, items(1, 3), ['frontend']);
    const page = await openContext(daemon).then((context) => context.newPage());
    await page.goto('/');
    await typeToken(page, daemon.tokens.frontend);
    await page.locator('#name').waitFor();
    await page.keyboard.type('anna');
    await page.keyboard.press('Enter');
    const given = await answer(page, '1');
    await untilSent(page);
    const [label] = await assertLabels(daemon, [given]);
    assert.equal(label.annotator, 'anna');
});

test('the operators’ page asks for a token with a role that may see it', async (t) => {
    const daemon = await serve(t, items(2, 3), ['annotator', 'frontend']);
    const context = await openContext(daemon, { failing: true, bypassCSP: true });
    const page = await context.newPage();
    await page.goto('/ops');
    await page.locator('#token').waitFor();
    assert.equal(await page.locator('#grid').isVisible(), false);
    await assertAccessible(page, 'token');
    await typeToken(page, daemon.tokens.annotator);
    await until(async () => (await page.locator('#sign-in-error').textContent()).includes('another role'), 'an error');
    await typeToken(page, daemon.tokens.frontend);
    await page.locator('#live[data-state=live]').waitFor();
    assert.equal(await page.locator('#sign-in').isVisible(), false);
    await assertKeptNowhere(page, daemon.tokens.frontend);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.locator('#token').waitFor();
    assert.equal((await context.cookies()).length, 0);
});
