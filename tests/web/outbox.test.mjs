import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Clock } from './clock.mjs';
import { answerFromOtherTab, backoff, oneTabAtATime, Outbox } from '../../src/web/outbox.js';

class Storage {
    map = new Map();
    get length() { return this.map.size; }
    /* Browsers do not promise an order. */
    key(index) { return [...this.map.keys()].reverse()[index]; }
    getItem(key) { return this.map.get(key) ?? null; }
    setItem(key, value) { this.map.set(key, String(value)); }
    removeItem(key) { this.map.delete(key); }
}

const failure = (status, retryAfterMs = 0) => Object.assign(new Error(`status ${status}`), { status, retryAfterMs });
const settled = () => new Promise((resolve) => setImmediate(resolve));
const alone = (work) => work(() => {});

/* A fake daemon that keeps what is sent; it first throws the errors in plan. */
function setUp(t, plan = [], storage = new Storage()) {
    const clock = new Clock(t, 1_000_000);
    const sent = [];
    const seen = { unauthorised: 0 };
    const send = async (entry) => {
        const error = plan.shift();
        sent.push([entry.method, entry.id, entry.label.preference]);
        if (error) {
            throw error;
        }
    };
    const unauthorised = () => { seen.unauthorised += 1; };
    return { clock, sent, seen, storage, outbox: new Outbox({ storage, send, unauthorised, alone }) };
}

test('answers are sent once, in the order given, and then forgotten', async (t) => {
    const { sent, storage, outbox } = setUp(t);
    ['x', 'a', 'm'].forEach((id) => outbox.add({ id, preference: 'a' }));
    assert.equal(outbox.waiting.length, 3);
    await settled();
    assert.deepEqual(sent.map(([, id]) => id), ['x', 'a', 'm']);
    assert.equal(storage.length, 0);
});

test('an answer is kept before it is sent', (t) => {
    const { sent, storage, outbox } = setUp(t);
    outbox.add({ id: 'x', preference: 'a' });
    assert.equal(storage.length, 1);
    assert.equal(sent.length <= 1, true);
});

test('a failure is tried again after a while, with the same id, and holds the others back', async (t) => {
    const { clock, sent, outbox } = setUp(t, [failure(503), failure(0), failure(429, 20_000)]);
    outbox.add({ id: 'x', preference: 'a' });
    outbox.add({ id: 'y', preference: 'b' });
    await settled();
    assert.equal(sent.length, 1);
    for (const [wait, expected] of [[1_000, 2], [2_000, 3], [19_999, 3], [1, 5]]) {
        clock.tick(wait);
        await settled();
        assert.equal(sent.length, expected);
    }
    assert.deepEqual(sent.map(([, id]) => id), ['x', 'x', 'x', 'x', 'y']);
});

test('resuming does not wait for the backoff', async (t) => {
    const { sent, outbox } = setUp(t, [failure(503)]);
    outbox.add({ id: 'x', preference: 'a' });
    await settled();
    await outbox.resume();
    assert.equal(sent.length, 2);
    assert.equal(outbox.waiting.length, 0);
});

test('a refused answer is moved aside with its reason and does not hold up the rest', async (t) => {
    const { sent, outbox } = setUp(t, [failure(422)]);
    outbox.add({ id: 'x', preference: 'a' });
    outbox.add({ id: 'y', preference: 'b' });
    await settled();
    assert.deepEqual(sent.map(([, id]) => id), ['x', 'y']);
    assert.deepEqual(outbox.aside.map((entry) => [entry.id, entry.reason]), [['x', 'status 422']]);
    await outbox.sendAsideAgain();
    assert.deepEqual(sent.at(-1), ['POST', 'x', 'a']);
    assert.equal(outbox.aside.length, 0);
});

test('a refused answer can be chosen again, or discarded', async (t) => {
    const { sent, storage, outbox } = setUp(t, [failure(422), failure(400)]);
    outbox.add({ id: 'x', preference: 'a' });
    await settled();
    outbox.correct('x', 'tie');
    await settled();
    assert.deepEqual(sent.at(-1), ['POST', 'x', 'tie']);
    assert.equal(outbox.aside.length, 1);
    outbox.discardAside();
    assert.equal(storage.length, 0);
});

test('without a valid token nothing is sent and nothing moved aside', async (t) => {
    const { clock, sent, seen, outbox } = setUp(t, [failure(401)]);
    outbox.add({ id: 'x', preference: 'a' });
    await settled();
    outbox.add({ id: 'y', preference: 'a' });
    clock.tick(600_000);
    await settled();
    assert.equal(sent.length, 1);
    assert.equal(seen.unauthorised, 1);
    assert.equal(outbox.waiting.length, 2);
    await outbox.resume();
    assert.equal(outbox.waiting.length, 0);
});

test('what was never sent is replaced', async (t) => {
    const { clock, sent, outbox } = setUp(t, [failure(503)]);
    outbox.add({ id: 'x', preference: 'a' });
    outbox.add({ id: 'y', preference: 'a' });
    outbox.correct('y', 'b');
    await outbox.resume();
    await settled();
    clock.tick(60_000);
    await settled();
    assert.deepEqual(sent.slice(1), [['POST', 'x', 'a'], ['POST', 'y', 'b']]);
});

test('an answer that may have reached the daemon is corrected by a second request', async (t) => {
    const { sent, outbox } = setUp(t, [failure(0)]);
    outbox.add({ id: 'x', preference: 'a' });
    await settled();
    outbox.correct('x', 'b');
    outbox.correct('x', 'tie');
    await outbox.resume();
    assert.deepEqual(sent, [['POST', 'x', 'a'], ['POST', 'x', 'a'], ['PUT', 'x', 'tie']]);
});

test('an answer that was sent long ago is corrected', async (t) => {
    const { sent, outbox } = setUp(t);
    outbox.add({ id: 'x', preference: 'a' });
    await settled();
    outbox.correct('x', 'skip');
    await settled();
    assert.deepEqual(sent, [['POST', 'x', 'a'], ['PUT', 'x', 'skip']]);
});

test('an answer that another tab replaced while it was being sent is corrected, not lost', async (t) => {
    const storage = new Storage();
    const { outbox, sent } = setUp(t, [], storage);
    outbox.add({ id: 'x', preference: 'a' });
    const key = storage.key(0);
    storage.setItem(key, JSON.stringify({ method: 'POST', id: 'x', label: { id: 'x', preference: 'b' }, tried: false }));
    await settled();
    assert.deepEqual(sent, [['POST', 'x', 'a'], ['PUT', 'x', 'b']]);
    assert.equal(storage.length, 0);
});

test('a new page sends what an earlier one left, before its own', async (t) => {
    const storage = new Storage();
    setUp(t, [failure(0)], storage).outbox.add({ id: 'old', preference: 'a' });
    await settled();
    const { clock, sent, outbox } = setUp(t, [], storage);
    clock.setDate(5);
    outbox.add({ id: 'new', preference: 'b' });
    await settled();
    assert.deepEqual(sent.map(([, id]) => id), ['old', 'new']);
});

test('the backoff doubles from one second to sixty and has jitter', () => {
    assert.equal(backoff(0, () => 1), 1_000);
    assert.equal(backoff(3, () => 1), 8_000);
    assert.equal(backoff(50, () => 1), 60_000);
    assert.equal(backoff(50, () => 0), 1_000);
});

test('without web locks only one tab works at a time, and a lost one is succeeded', async (t) => {
    const clock = new Clock(t, 1_000_000);
    const storage = new Storage();
    const [first, second] = [oneTabAtATime(storage, null), oneTabAtATime(storage, null)];
    let finish;
    const working = first(() => new Promise((resolve) => { finish = resolve; }));
    assert.equal(await second(() => 'ran'), false);
    finish();
    await working;
    assert.equal(await second(() => 'ran'), 'ran');
    first(() => new Promise(() => {}));
    clock.tick(30_001);
    assert.equal(await second(() => 'ran'), 'ran');
});

test('a storage event gives an answer only if one was written', () => {
    const newValue = JSON.stringify({ label: { assignment: 's', a: 'x', b: 'y' } });
    assert.equal(answerFromOtherTab({ key: 'fisherd.outbox.1', newValue }).assignment, 's');
    assert.equal(answerFromOtherTab({ key: 'fisherd.outbox.1', newValue: null }), null);
    assert.equal(answerFromOtherTab({ key: 'fisherd.name', newValue }), null);
    assert.equal(answerFromOtherTab({ key: null, newValue: null }), null);
});

test('answers of somebody else are neither shown nor sent nor discarded', async (t) => {
    const { sent, outbox } = setUp(t, [failure(0), failure(400)]);
    outbox.signIn('anna');
    outbox.add({ id: 'x', preference: 'a', annotator: 'anna' });
    await settled();
    outbox.signOut();
    assert.equal(outbox.waiting.length, 0);
    sent.length = 0;
    await outbox.signIn('bert');
    outbox.add({ id: 'y', preference: 'b', annotator: 'bert' });
    await settled();
    assert.deepEqual([sent.map(([, id]) => id), outbox.aside.map((entry) => entry.id)], [['y'], ['y']]);
    await outbox.signIn('anna');
    assert.equal(outbox.aside.length, 0);
    outbox.discardAside();
    await settled();
    assert.deepEqual(sent.map(([, id]) => id), ['y', 'x']);
    await outbox.signIn('bert');
    assert.equal(outbox.aside.length, 1);
});

test('a correction waits for the one who made it', async (t) => {
    const { clock, sent, outbox } = setUp(t, [failure(0)]);
    outbox.signIn('anna');
    outbox.add({ id: 'x', preference: 'a', annotator: 'anna' });
    outbox.correct('x', 'b');
    await settled();
    outbox.signOut();
    await outbox.signIn('bert');
    clock.tick(100_000);
    await settled();
    assert.equal(sent.length, 1);
});
