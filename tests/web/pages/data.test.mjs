import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { assertAccessible, openContext, PHONE, serve } from './browser.mjs';
import { items, until } from './daemon.mjs';

const lines = (rows) => Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
const file = (name, buffer) => ({ name, mimeType: 'application/octet-stream', buffer });
const texts = (page) => page.locator('.outcome').allInnerTexts();

async function open(daemon, options) {
    const page = await openContext(daemon, options).then((context) => context.newPage());
    await page.goto('/data');
    await page.locator('#export-format option').first().waitFor({ state: 'attached' });
    return page;
}

async function bringIn(page, files, button = '#import-start') {
    await page.locator('#files').setInputFiles(files);
    await page.locator(button).click();
    await until(async () => (await page.locator('.outcome').count()) === files.length && !(await page.locator('#import-start').isDisabled()),
        'the outcome');
    return texts(page);
}

/* The text of the file that the browser saves after a click. */
async function saved(page, button) {
    const [download] = await Promise.all([page.waitForEvent('download'), page.locator(button).click()]);
    return { name: download.suggestedFilename(), text: readFileSync(await download.path(), 'utf8') };
}

async function answerAll(daemon, count) {
    for (let i = 0; i < count; i++) {
        const { assignments: [{ id, a, b }] } = await daemon.call('POST', '/v1/assignments', { annotator: 'anna' });
        await daemon.call('POST', '/v1/labels', { labels: [{ id: `l${i}`, a: a.id, b: b.id, preference: i === 0 ? 'tie' : 'a', annotator: 'anna', assignment: id }] });
    }
}

test('files that are brought in on the data page are in the daemon, gzip too', async (t) => {
    const daemon = await serve(t, items(1, 2));
    const page = await open(daemon);
    const [first, second] = await bringIn(page, [file('more.jsonl', lines(items(2, 3))), file('last.jsonl.gz', gzipSync(lines(items(3, 3))))]);
    assert.match(first, /more\.jsonl\s+4 items added, 2 there already/);
    assert.match(second, /3 items added, 6 there already/);
    assert.equal((await daemon.call('GET', '/v1/model')).items, 9);
});

test('a trial on the data page tells what would happen and changes nothing', async (t) => {
    const daemon = await serve(t, items(1, 2));
    const page = await open(daemon);
    const [outcome] = await bringIn(page, [file('more.jsonl', lines(items(2, 2)))], '#import-try');
    assert.match(outcome, /2 items would be added, 2 there already/);
    assert.equal((await daemon.call('GET', '/v1/model')).items, 2);
});

test('the data page says which rows were refused and why, and which file cannot be read', async (t) => {
    const daemon = await serve(t, items(1, 2));
    const page = await open(daemon, { failing: true });
    const [wrong, unreadable] = await bringIn(page, [file('wrong.jsonl', lines([{ id: 'x', prompt_id: 'p', embedding: [1, 2] }])),
        file('table.parquet', Buffer.from('PAR1PAR1'))]);
    assert.match(wrong, /0 items added, 1 refused/);
    assert.match(wrong, /Line 1: .*2 numbers; .* 6 \(\/embedding\)/);
    assert.match(unreadable, /Parquet/);
    await page.locator('#files').setInputFiles([]);
    await page.locator('#import-start').click();
    await until(async () => await page.locator('#import-error').innerText() === 'Choose a file first.', 'the error');
});

test('answers, the dataset card and the model are saved from the data page as the daemon has them', async (t) => {
    const daemon = await serve(t, items(4, 3));
    await answerAll(daemon, 6);
    const page = await open(daemon);
    const all = await saved(page, '#export-start');
    assert.equal(all.name, 'fisherd-preferences.jsonl');
    assert.deepEqual(all.text.trimEnd().split('\n').map((line) => JSON.parse(line).id), ['l0', 'l1', 'l2', 'l3', 'l4', 'l5']);
    await page.locator('#export-format').selectOption('csv');
    await page.locator('#ties').selectOption('drop');
    const table = await saved(page, '#export-start');
    assert.equal(table.name, 'fisherd-csv.csv');
    assert.deepEqual(table.text.match(/(?<=^|,)l\d(?=,)/gm), ['l1', 'l2', 'l3', 'l4', 'l5']);
    assert.match((await saved(page, '#card-start')).text, /Krippendorff|annotator/i);
    assert.equal((await saved(page, '#model-start')).name, 'reward-model.safetensors');
    await page.locator('#export-format').selectOption('trl');
    await page.locator('#annotator').fill('nobody');
    await page.locator('#export-start').click();
    await until(async () => await page.locator('#export-done').innerText() === 'There are no such answers yet.', 'the end');
});

test('the data page offers the formats of the document of the API', async (t) => {
    const daemon = await serve(t, items(1, 2));
    const page = await open(daemon);
    const { paths } = await daemon.call('GET', '/openapi.json');
    const offered = (id) => page.locator(`${id} option`).evaluateAll((all) => all.map((option) => option.value));
    const known = (operation) => operation.parameters.find(({ name }) => name === 'format').schema.enum;
    assert.deepEqual(await offered('#export-format'), known(paths['/v1/export'].get));
    assert.deepEqual((await offered('#import-format')).slice(1), known(paths['/v1/import'].post).slice(1));
});

test('the data page asks for a token, and takes only one of the right role', async (t) => {
    const daemon = await serve(t, items(1, 2), ['annotator', 'frontend']);
    const page = await open(daemon, { failing: true });
    await page.locator('#token').fill(daemon.tokens.annotator);
    await page.keyboard.press('Enter');
    await until(async () => page.locator('#sign-out').isVisible(), 'the session');
    await bringRefused(page);
    await page.locator('#token').fill(daemon.tokens.frontend);
    await page.keyboard.press('Enter');
    await page.locator('#grid').waitFor();
    assert.match((await bringIn(page, [file('more.jsonl', lines(items(2, 2)))]))[0], /2 items added/);
});

async function bringRefused(page) {
    await page.locator('#grid').waitFor();
    await page.locator('#files').setInputFiles([file('more.jsonl', lines(items(2, 2)))]);
    await page.locator('#import-start').click();
    await until(async () => /another role/.test(await page.locator('#sign-in-error').innerText()), 'the refusal');
}

for (const [name, options] of [['a desk', {}], ['a phone', { viewport: PHONE }], ['the dark', { colorScheme: 'dark' }]]) {
    test(`the data page is accessible on ${name}`, async (t) => {
        const daemon = await serve(t, items(1, 2));
        const page = await open(daemon, { ...options, bypassCSP: true });
        await bringIn(page, [file('more.jsonl', lines([...items(2, 2), { id: 'wrong' }]))]);
        await assertAccessible(page, name);
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth));
    });
}
