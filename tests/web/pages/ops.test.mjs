import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertAccessible, openContext, PHONE, serve } from './browser.mjs';
import { items, until } from './daemon.mjs';

const CHARTS = ['answers', 'accuracy', 'efficiency', 'logdet', 'queue', 'retrains', 'latency'];

async function simulate(daemon, answers) {
    for (let i = 0; i < answers; i++) {
        const annotator = ['anna', 'bert', 'clara'][i % 3];
        const { assignments: [{ id, a, b }] } = await daemon.call('POST', '/v1/assignments', { annotator });
        const label = { id, a: a.id, b: b.id, preference: i % 7 === 0 ? 'tie' : 'a', annotator, assignment: id, duration_ms: 4000 };
        await daemon.call('POST', '/v1/labels', { labels: [label] });
    }
}

async function train(daemon) {
    const { version } = await daemon.call('GET', '/v1/model');
    await daemon.call('POST', '/v1/model/train');
    await until(async () => (await daemon.call('GET', '/v1/model')).version > version, 'a model');
}

/* Opens the page and waits until it has asked the daemon twice, with work in between. */
async function openLively(daemon, context) {
    await simulate(daemon, 30);
    await train(daemon);
    const page = await context.newPage();
    await page.goto('/ops');
    await page.locator('#chart-answers svg').waitFor();
    await simulate(daemon, 10);
    await page.locator('#ranges label').first().click();
    await page.locator('#chart-latency svg').waitFor();
    return page;
}

test('every chart of the operators’ page is drawn once there are answers and a model', async (t) => {
    const daemon = await serve(t, items(8, 4));
    const page = await openLively(daemon, await openContext(daemon));
    for (const name of CHARTS) {
        assert.ok(await page.locator(`#chart-${name} svg :is(rect, path)`).count() > 0, name);
    }
});

test('the numbers on the operators’ page are the daemon’s', async (t) => {
    const daemon = await serve(t, items(8, 4));
    const page = await openContext(daemon).then((context) => openLively(daemon, context));
    await until(async () => await page.locator('#answers').textContent() === '40', 'forty answers');
    assert.equal(await page.locator('#people').textContent(), '3');
    const rows = await page.locator('#annotators tr').evaluateAll((all) => all.map((row) => [...row.cells].slice(0, 2).map((cell) => cell.textContent)));
    assert.deepEqual(rows.sort(), [['anna', '14'], ['bert', '13'], ['clara', '13']]);
    await page.locator('#chart-answers summary').click();
    await page.locator('#chart-answers tbody tr').first().waitFor();
});

test('a page that was opened late has the learning curve and the advice on stopping', async (t) => {
    const daemon = await serve(t, items(8, 4));
    await simulate(daemon, 30);
    await train(daemon);
    await train(daemon);
    const page = await openContext(daemon).then((context) => context.newPage());
    await page.goto('/ops');
    await page.locator('#chart-accuracy summary').click();
    await page.locator('#chart-accuracy tbody tr').first().waitFor();
    let progress;
    /* A version may be published between the daemon's figures and those of the page. */
    await until(async () => {
        ({ progress } = await daemon.call('GET', '/v1/model'));
        const accuracies = await page.locator('#chart-accuracy tbody td').allTextContents();
        return accuracies.join() === progress.curve.map((point) => `${Number((point.held_out_accuracy * 100).toFixed(1))}%`).join();
    }, 'the learning curve');
    assert.equal(await page.locator('#stop-note').textContent(), `Go on: ${progress.stop_reason}.`);
    assert.ok(await page.locator('#selection-note').isHidden());
});

async function answerMany(daemon, people) {
    for (let i = 0; i < people; i++) {
        const annotator = `person ${i}`;
        const { assignments } = await daemon.call('POST', '/v1/assignments', { annotator, count: 40 });
        const labels = assignments.map(({ id, a, b }, j) => ({ id, a: a.id, b: b.id, preference: a.id < b.id === (j % 5 > 0) ? 'a' : 'b',
            annotator, assignment: id, duration_ms: 4000 }));
        await daemon.call('POST', '/v1/labels', { labels });
    }
}

/* An exam needs 64 answers, and a verdict on choosing ten to control pairs, which chance draws. */
async function learnMuch(daemon) {
    for (;;) {
        await answerMany(daemon, 2);
        await train(daemon);
        const { labels, progress } = await daemon.call('GET', '/v1/model');
        if (progress.exam !== null && progress.choosing !== null) {
            return { labels, progress };
        }
    }
}

test('the operators’ page shows the exam and whether choosing pairs pays', async (t) => {
    const daemon = await serve(t, items(40, 5));
    const page = await openContext(daemon).then((context) => context.newPage());
    await page.goto('/ops');
    await page.locator('#chart-exam .empty').waitFor();
    await page.locator('#choosing-empty').waitFor();
    const { labels, progress: { exam, choosing, expected_loss_at_double: expected } } = await learnMuch(daemon);
    await page.reload();
    await page.locator('#chart-exam summary').click();
    await page.locator('#chart-exam tbody tr').first().waitFor();
    const cells = (rows) => page.locator(rows).evaluateAll((all) => all.map((row) => [...row.cells].map((cell) => cell.textContent)));
    const losses = exam.stages.map(({ labels: learned, loss }, i) => [`${Math.round(learned)} answers`, loss.toFixed(3), i < 3 ? '–' : loss.toFixed(3)]);
    assert.deepEqual(await cells('#chart-exam tbody tr'), [...losses, [`${2 * labels} answers`, '–', expected.toFixed(3)]]);
    const sign = choosing.loss_difference < 0 ? '−' : '+';
    assert.deepEqual((await cells('#choosing tr')).map((row) => row[1]), [`${sign}${Math.abs(choosing.loss_difference).toFixed(4)}`,
        choosing.stddev.toFixed(4), String(choosing.answers)]);
    const clear = Math.abs(choosing.loss_difference) > 2 * choosing.stddev;
    assert.match(await page.locator('#choosing-note').textContent(), !clear ? /^Not clear/ : sign === '+' ? /^Yes/ : /^No:/);
    await page.locator('#chart-exam .plot').focus();
    await page.keyboard.press('Home');
    assert.match(await page.locator('#chart-exam .plot').getAttribute('aria-valuetext'), new RegExp(`^${losses[0][0]}.*Loss ${losses[0][1]}`));
});

test('the operators’ page says what length, style and scores are worth', async (t) => {
    const daemon = await serve(t, items(8, 4).map((item, i) => ({ ...item, scores: { judge: i % 5 } })));
    const page = await openLively(daemon, await openContext(daemon));
    const text = (value) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`;
    const near = ({ stddev }) => `(± ${stddev.toFixed(2)})`;
    /* A refit may come between the daemon's figures and those of the page. */
    await until(async () => {
        const { text_features: { features: [length] }, side, scores } = await daemon.call('GET', '/v1/model');
        const note = await page.locator('#learned-note').textContent();
        const rows = await page.locator('#learned tr').evaluateAll((all) => all.map((row) => [...row.cells].map((cell) => cell.textContent)));
        return rows.length === 11 && note.includes(`Twice the length is worth ${text(length.twice_the_length)} (± ${length.twice_the_length_stddev.toFixed(2)}).`)
            && note.includes(`The left side is worth ${text(side.effect)} ${near(side)}.`)
            && rows[0].slice(0, 2).join() === `log length,${text(length.coefficient)}`
            && rows[10].join() === ['score judge', text(scores.judge.coefficient), scores.judge.stddev.toFixed(2), 'unknown'].join();
    }, 'what is worth what');
});

test('the operators’ page recovers by itself after an outage of the daemon', async (t) => {
    const daemon = await serve(t, items(4, 4));
    const context = await openContext(daemon, { failing: true });
    const page = await context.newPage();
    await page.goto('/ops');
    const live = page.locator('#live');
    await until(async () => (await live.textContent()).startsWith('Live'), 'numbers');
    await daemon.end('SIGKILL');
    await page.locator('#ranges label').first().click();
    await page.locator('#alert').waitFor();
    await daemon.start();
    await simulate(daemon, 5);
    await until(async () => (await live.textContent()).startsWith('Live'), 'numbers again');
    await page.locator('#alert').waitFor({ state: 'hidden' });
    assert.equal(await page.locator('#answers').textContent(), '5');
});

for (const colorScheme of ['light', 'dark']) {
    test(`axe finds nothing on the operators’ page, ${colorScheme}`, async (t) => {
        const daemon = await serve(t, items(40, 5));
        const context = await openContext(daemon, { colorScheme, bypassCSP: true, reducedMotion: 'reduce' });
        const blank = await context.newPage();
        await blank.goto('/ops');
        await until(async () => (await blank.locator('#live').textContent()).startsWith('Live'), 'numbers');
        await assertAccessible(blank, 'without answers');
        await learnMuch(daemon);
        const page = await openLively(daemon, context);
        await page.locator('#chart-exam svg').waitFor();
        await assertAccessible(page, 'with answers');
    });
}

test('on a phone the operators’ page does not scroll sideways', async (t) => {
    const daemon = await serve(t, items(8, 4));
    const context = await openContext(daemon, { viewport: PHONE, hasTouch: true, isMobile: true });
    const page = await openLively(daemon, context);
    assert.equal(await page.evaluate(() => document.scrollingElement.scrollWidth), PHONE.width);
});

test('names such as __proto__ and constructor are ordinary names, and one other is one other', async (t) => {
    const daemon = await serve(t, items(8, 4));
    const names = ['__proto__', 'constructor', 'toString', 'd', 'e', 'f', 'g', 'h', 'i'];
    for (const [i, annotator] of names.entries()) {
        for (const { id, a, b } of (await daemon.call('POST', '/v1/assignments', { annotator, count: 2 })).assignments) {
            await daemon.call('POST', '/v1/labels', { labels: [{ id, a: a.id, b: b.id, preference: 'a', annotator, assignment: id, duration_ms: 1000 * (i + 1) }] });
        }
    }
    const page = await openContext(daemon).then((context) => context.newPage());
    await page.goto('/ops#constructor');
    await page.locator('#chart-answers svg').waitFor();
    const legend = await page.locator('#chart-answers dl').innerText();
    assert.doesNotMatch(legend, /NaN|function|object|\b1 others/);
    assert.match(legend, /__proto__\s+2/);
    assert.equal(await page.locator('#annotators tr').count(), names.length);
    assert.match(await page.locator('#annotators').innerText(), /__proto__/);
});

test('times are medians, which one long break does not change', async (t) => {
    const daemon = await serve(t, items(8, 4));
    const { assignments } = await daemon.call('POST', '/v1/assignments', { annotator: 'anna', count: 5 });
    for (const [i, { id, a, b }] of assignments.entries()) {
        const label = { id, a: a.id, b: b.id, preference: 'a', annotator: 'anna', assignment: id, duration_ms: [2000, 3_600_000, 4000, 3000, 5000][i] };
        await daemon.call('POST', '/v1/labels', { labels: [label] });
    }
    const stats = await daemon.call('GET', '/v1/stats');
    assert.equal(stats.all.median_duration_ms, 4000);
    assert.equal(stats.annotators[0].median_duration_ms, 4000);
    assert.equal((stats.arms.active.labels > 0 ? stats.arms.active : stats.arms.control).median_duration_ms > 0, true);
    const page = await openContext(daemon).then((context) => context.newPage());
    await page.goto('/ops');
    await page.locator('#annotators tr').first().waitFor();
    assert.match(await page.locator('#annotators').innerText(), /\b4 s\b/);
});
