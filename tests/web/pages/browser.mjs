/* Drives Debian's Chromium like a person on the annotator's page. */

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { Daemon, until } from './daemon.mjs';

const modules = createRequire(join(process.env.NODE_MODULES, 'of-the-build.js'));
const { chromium } = modules('playwright-core');
const axePath = modules.resolve('axe-core/axe.min.js');
const PROGRAM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const PATIENCE_MS = 30_000;

export const DESK = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

let browser = null;

before(async () => {
    browser = await chromium.launch({ executablePath: PROGRAM, args: ['--no-sandbox'] });
});
after(() => browser?.close());

/* A daemon that ends with the test, after its browser contexts, with a token for each role. */
export async function serve(t, items, roles = []) {
    const daemon = await Daemon.start(items, roles);
    daemon.visitors = [];
    t.after(async () => {
        const complaints = await Promise.all(daemon.visitors.map((leave) => leave()));
        await daemon.stop();
        assert.deepEqual(complaints.flat(), []);
    });
    return daemon;
}

/*
 * A browser profile of its own. Whatever the page complains of, or asks of anybody but the daemon,
 * fails the test; calls that fail are complaints too, unless the test makes them fail itself.
 */
export async function openContext(daemon, { failing = false, ...options } = {}) {
    const context = await browser.newContext({ viewport: DESK, baseURL: daemon.url, ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    const complaints = [];
    await context.addInitScript(() => document.addEventListener('securitypolicyviolation',
        (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`)));
    context.on('console', (message) => {
        const known = failing && message.text().startsWith('Failed to load resource');
        if (message.type() === 'error' && !known) {
            complaints.push(message.text());
        }
    });
    context.on('weberror', (event) => complaints.push(String(event.error())));
    context.on('request', (request) => {
        if (!request.url().startsWith(`${daemon.url}/`)) {
            complaints.push(`a request to ${request.url()}`);
        }
    });
    daemon.visitors.push(() => context.close().then(() => complaints));
    return context;
}

/* ---- the annotator's page ---- */

export async function signIn(context, name = 'anna') {
    const page = await context.newPage();
    await page.goto('/');
    await page.locator('#name').waitFor();
    await page.keyboard.type(name);
    await page.keyboard.press('Enter');
    return page;
}

/* What the page shows now: {pair: {number, left, right} or null, title}. */
export function glance(page) {
    return page.evaluate(() => {
        const text = (id) => document.getElementById(id).textContent;
        const item = (id) => /p\d+-r\d+/.exec(text(id))?.[0];
        const pair = document.getElementById('pair').hidden ? null
            : { number: text('pair-title'), left: item('text-a'), right: item('text-b') };
        return { pair, title: document.getElementById('message').hidden ? null : text('message-title') };
    });
}

export function shown(page) {
    return until(async () => (await glance(page)).pair, 'a pair');
}

export function untilNothingIsLeft(page) {
    return until(async () => (await glance(page)).title === 'Nothing to compare right now', 'the end');
}

/* Reads the attribute, because the words stay invisible at first even if answers wait. */
export function untilSent(page) {
    return until(() => page.locator('#waiting').evaluate((element) => element.hidden), 'nothing to wait');
}

const PREFERENCES = { ArrowLeft: 'a', 1: 'a', ArrowRight: 'b', 2: 'b', 0: 'tie', s: 'skip' };

/* Answers the pair on view with a key. Returns the label that the daemon should get. */
export async function answer(page, key) {
    const { number, left, right } = await shown(page);
    await page.keyboard.press(key);
    await until(async () => (await glance(page)).pair?.number !== number, `what follows ${number}`);
    return { a: left, b: right, preference: PREFERENCES[key] };
}

export async function answerAll(page, keys) {
    const given = [];
    for (const key of keys) {
        given.push(await answer(page, key));
    }
    return given;
}

/* The same for a pair and its swapped sides. */
export function pairOf({ a, b }) {
    return [a, b].sort().join(' ');
}

export async function assertLabels(daemon, expected) {
    await daemon.untilLabels(expected.length);
    const labels = await daemon.labels();
    const comparable = (list) => list.map(({ a, b, preference }) => `${a} ${b} ${preference}`).sort();
    assert.deepEqual(comparable(labels), comparable(expected));
    assert.equal(new Set(labels.map(pairOf)).size, labels.length, 'a pair was answered twice');
    return labels;
}

/* ---- accessibility ---- */

/* The context must have bypassCSP, because the page's policy keeps axe out. */
export async function assertAccessible(page, state) {
    await page.addScriptTag({ path: axePath });
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    const found = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${state}: ${id}: ${node.html}: ${node.failureSummary}`));
    assert.deepEqual(found, []);
}
