import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answer, answerAll, openContext, serve, shown, signIn, untilSent } from './browser.mjs';
import { items, until } from './daemon.mjs';

const text = (page, id) => page.locator(`#${id}`).textContent();

test('the name, today’s answers, all of one’s own and the project’s are shown with labels', async (t) => {
    const daemon = await serve(t, items(6, 4));
    const { assignments } = await daemon.call('POST', '/v1/assignments', { annotator: 'bert', count: 2 });
    await daemon.call('POST', '/v1/labels', { labels: assignments.map(({ id, a, b }) => ({ id, a: a.id, b: b.id, preference: 'a', annotator: 'bert', assignment: id })) });
    const page = await signIn(await openContext(daemon));
    await answerAll(page, ['1', '2', '0']);
    await untilSent(page);
    await page.reload();
    await shown(page);
    await until(async () => await text(page, 'total') === '5', 'the project');
    assert.deepEqual(await page.locator('#progress dt').allTextContents(), ['Name', 'Today', 'You in all', 'Project', 'Per minute']);
    assert.deepEqual([await text(page, 'who'), await text(page, 'today'), await text(page, 'own')], ['anna', '3', '3']);
});

test('with a token, today’s count includes other tabs and outlives them', async (t) => {
    const daemon = await serve(t, items(4, 4), ['annotator', 'frontend']);
    const context = await openContext(daemon);
    const page = await context.newPage();
    await page.goto('/');
    await page.locator('#token').fill(daemon.tokens.annotator);
    await page.keyboard.press('Enter');
    await answerAll(page, ['1', '2']);
    await untilSent(page);
    await page.close();
    const other = await context.newPage();
    await other.goto('/');
    await answer(other, '1');
    assert.equal(await text(other, 'today'), '3');
    assert.equal(await text(other, 'who'), 'the annotator');
});

test('with a token, one call tells one’s own answers and the project’s', async (t) => {
    const daemon = await serve(t, items(4, 4), ['annotator', 'frontend']);
    const { assignments } = await daemon.call('POST', '/v1/assignments', { annotator: 'bert', count: 2 });
    await daemon.call('POST', '/v1/labels', { labels: assignments.map(({ id, a, b }) => ({ id, a: a.id, b: b.id, preference: 'a', annotator: 'bert', assignment: id })) });
    const context = await openContext(daemon);
    const page = await context.newPage();
    const asked = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await page.goto('/');
    await page.locator('#token').fill(daemon.tokens.annotator);
    await page.keyboard.press('Enter');
    await until(async () => await text(page, 'total') === '2', 'the project');
    assert.deepEqual([await text(page, 'today'), await text(page, 'own')], ['0', '0']);
    await answerAll(page, ['1', '2', '0']);
    await untilSent(page);
    await page.reload();
    await shown(page);
    await until(async () => await text(page, 'total') === '5', 'the project with these');
    assert.deepEqual([await text(page, 'today'), await text(page, 'own')], ['3', '3']);
    assert.deepEqual(asked.filter((path) => /^\/v1\/(stats|model|progress)/.test(path)), ['/v1/progress', '/v1/progress']);
});

test('annotators are not told how often the model agrees', async (t) => {
    const daemon = await serve(t, items(1, 3));
    const context = await openContext(daemon);
    const page = await context.newPage();
    await page.route('**/v1/model', (route) => route.fulfill({ json: { version: 2, labels: 40, held_out_accuracy: 0.7 } }));
    await page.goto('/');
    await page.locator('#name').fill('anna');
    await page.keyboard.press('Enter');
    await until(async () => (await text(page, 'model')).includes('Model 2'), 'the model');
    assert.doesNotMatch(await page.locator('body').innerText(), /agree|%|accura/);
});
