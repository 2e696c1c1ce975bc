import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answer, answerAll, assertLabels, glance, openContext, pairOf, serve, shown, signIn, untilNothingIsLeft, untilSent } from './browser.mjs';
import { items, until } from './daemon.mjs';

const KEYS = ['ArrowLeft', 'ArrowRight', '1', '2'];
const some = (count) => Array.from({ length: count }, (_, i) => KEYS[i % KEYS.length]);

async function open(t, given, options) {
    const daemon = await serve(t, given);
    const context = await openContext(daemon, options);
    return { daemon, context, page: await signIn(context) };
}

const status = (page) => page.locator('#status').textContent();

test('twenty pairs answered by keyboard alone are twenty labels with the right sides', async (t) => {
    const { daemon, page } = await open(t, items(6, 5));
    const given = await answerAll(page, some(20));
    const labels = await assertLabels(daemon, given);
    for (const label of labels) {
        assert.equal(label.annotator, 'anna');
        assert.ok(label.assignment);
        assert.ok(label.duration_ms >= 0);
    }
    assert.equal(await page.locator('#today').textContent(), '20');
});

test('the buttons answer like the keys', async (t) => {
    const { daemon, page } = await open(t, items(3, 4));
    const expected = [];
    for (const preference of ['a', 'b', 'tie', 'skip']) {
        const { number, left, right } = await shown(page);
        await page.locator(`[data-preference=${preference}]`).click();
        await until(async () => (await glance(page)).pair?.number !== number, 'the next pair');
        expected.push({ a: left, b: right, preference });
    }
    await assertLabels(daemon, expected);
});

test('a double click answers once', async (t) => {
    const { daemon, page } = await open(t, items(3, 4));
    const { left, right } = await shown(page);
    await page.locator('[data-preference=b]').dblclick();
    await untilSent(page);
    await assertLabels(daemon, [{ a: left, b: right, preference: 'b' }]);
});

test('a tie and a skip are labels, and a skipped pair does not come again', async (t) => {
    const { daemon, page } = await open(t, items(1, 3));
    const given = await answerAll(page, ['0', 's', '2']);
    await untilNothingIsLeft(page);
    await assertLabels(daemon, given);
});

test('an undone answer is corrected under its own id', async (t) => {
    const { daemon, page } = await open(t, items(3, 4));
    const given = await answerAll(page, ['1', '1', '1']);
    await untilSent(page);
    const ids = (await daemon.labels()).map((label) => label.id);
    const ahead = await shown(page);
    await page.keyboard.press('u');
    const { left, right } = await shown(page);
    assert.deepEqual([left, right], [given[2].a, given[2].b], 'the last pair is back, its sides as they were');
    given[2] = await answer(page, 'ArrowRight');
    assert.deepEqual(await shown(page), ahead, 'then the pair that waited');
    const corrected = await until(async () => (await daemon.labels()).find((label) => label.revision === 1), 'a correction');
    assert.equal(corrected.id, ids[2]);
    await assertLabels(daemon, given);
});

test('undo goes back over all answers and says which pair it shows', async (t) => {
    const { daemon, page } = await open(t, items(3, 4));
    const given = await answerAll(page, ['1', '0', '2']);
    await until(async () => (await daemon.labels()).length === 3, 'three answers'); /* an answer that still waits is changed, not corrected */
    await page.keyboard.press('u');
    await page.keyboard.press('u');
    await page.keyboard.press('u');
    assert.equal(await status(page), 'Back at pair 1. Left response chosen before.');
    await page.keyboard.press('u');
    assert.equal(await status(page), 'There is nothing to undo.');
    given[0] = await answer(page, '0');
    given[1] = await answer(page, '0'); /* as before, so nothing is sent */
    given[2] = await answer(page, 's');
    await until(async () => (await daemon.labels()).filter((label) => label.revision === 1).length === 2, 'two corrections');
    await assertLabels(daemon, given);
});

test('after undo, y and Shift+U go forward and send nothing', async (t) => {
    const { daemon, page } = await open(t, items(3, 4));
    const given = await answerAll(page, some(5));
    await daemon.untilLabels(5);
    const ahead = await shown(page);
    for (let i = 0; i < 5; i++) {
        await page.keyboard.press('u');
    }
    for (const key of ['y', 'Shift+U', 'y', 'Shift+U', 'y', 'y']) {
        await page.keyboard.press(key);
    }
    assert.deepEqual(await shown(page), ahead);
    assert.equal(await status(page), 'There is nothing to go forward to.');
    await page.keyboard.press('u');
    const back = await shown(page);
    assert.deepEqual([back.left, back.right], [given[4].a, given[4].b]);
    assert.ok((await assertLabels(daemon, given)).every((label) => label.revision === 0));
});

test('a reload in the middle shows the same pair, and undo still goes back', async (t) => {
    const { daemon, page } = await open(t, items(3, 4));
    const given = await answerAll(page, some(5));
    const before = await shown(page);
    await page.reload();
    assert.deepEqual(await shown(page), before);
    await page.keyboard.press('u');
    const back = await shown(page);
    assert.deepEqual([back.left, back.right], [given[4].a, given[4].b]);
    given[4] = await answer(page, '0');
    given.push(...await answerAll(page, some(3)));
    await until(async () => (await daemon.labels()).some((label) => label.revision === 1), 'a correction');
    await assertLabels(daemon, given);
});

test('when no pair is left, the page says so and can look for new items', async (t) => {
    const { daemon, page } = await open(t, items(1, 3));
    const given = await answerAll(page, some(3));
    await untilNothingIsLeft(page);
    assert.match(await page.locator('#message-when').textContent(), /^Looking again in \d+ seconds?\.$/);
    await daemon.addItems(items(2, 3));
    await page.locator('#look-again').click();
    given.push(...await answerAll(page, some(3)));
    await untilNothingIsLeft(page);
    await assertLabels(daemon, given);
});

test('the page asks for a name and remembers it until the annotator signs out', async (t) => {
    const daemon = await serve(t, items(2, 4));
    const context = await openContext(daemon);
    const page = await signIn(context, '  ');
    assert.equal(await page.locator('#sign-in-error').textContent(), 'Please enter a name of 1 to 100 characters.');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'name');
    await page.locator('#name').fill('Zoë van Dörp');
    await page.keyboard.press('Enter');
    await shown(page);
    await page.reload();
    await answer(page, '1');
    await untilSent(page);
    assert.equal((await daemon.labels())[0].annotator, 'Zoë van Dörp');
    await page.locator('#sign-out').click();
    await page.reload();
    await page.locator('#name').waitFor();
    assert.equal(await page.locator('#name').inputValue(), '');
});

test('two people at once never see the same pair', async (t) => {
    const daemon = await serve(t, items(5, 4));
    const label = async (name, key) => {
        const page = await signIn(await openContext(daemon), name);
        const given = [];
        while (await until(async () => (await glance(page)).pair !== null || (await daemon.labels()).length === 30, 'a pair or the end')
            && (await glance(page)).pair !== null) {
            given.push(await answer(page, key));
        }
        return given;
    };
    const [anna, bert] = await Promise.all([label('anna', '1'), label('bert', '2')]);
    assert.ok(anna.length >= 5 && bert.length >= 5, `${anna.length} and ${bert.length} answers`);
    const seen = new Set(anna.map(pairOf));
    assert.deepEqual(bert.filter((pair) => seen.has(pairOf(pair))), []);
    await assertLabels(daemon, [...anna, ...bert]);
});

test('two tabs of one person do not answer a pair twice', async (t) => {
    const { daemon, context, page } = await open(t, items(3, 4));
    await shown(page);
    const other = await context.newPage();
    await other.goto('/');
    await shown(other);
    const given = [];
    for (const tab of [page, other, other, page, other]) {
        const next = tab === page ? other : page;
        const done = await answer(tab, '1');
        given.push(done);
        await until(async () => {
            const { pair } = await glance(next);
            return pair !== null && pairOf({ a: pair.left, b: pair.right }) !== pairOf(done);
        }, 'the other tab to go on');
        /* A pair that appeared by itself takes no answer for a moment. */
        await next.waitForTimeout(850);
    }
    await assertLabels(daemon, given);
});

test('text from a model is shown and never executed', async (t) => {
    const { page } = await open(t, items(1, 2, 4));
    await shown(page);
    assert.match(await page.locator('#text-a').innerText(), /<script>alert\("p0-r\d"\)<\/script><img src=x/);
    assert.equal(await page.locator('#pair :is(script, img, a)').count(), 0);
});

test('Markdown is shown as elements, below the headings of the page', async (t) => {
    const { page } = await open(t, items(1, 2, 1));
    await shown(page);
    for (const part of ['h3', 'ol > li strong', 'code', 'em', 'blockquote', 'pre code[data-language=c]']) {
        assert.ok(await page.locator(`#text-a ${part}`).count() > 0, part);
    }
});
