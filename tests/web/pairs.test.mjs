import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Clock } from './clock.mjs';
import { Pairs } from '../../src/web/pairs.js';

const settled = () => new Promise((resolve) => setImmediate(resolve));
const NOW = 1_000_000;

/* A fake daemon that leases pairs 1, 2, 3, ... for ten minutes and returns open leases first. */
class FakeDaemon {
    open = [];
    calls = [];
    gone = new Set();
    errors = [];
    left = 100;
    made = 0;

    async assignments(annotator, count) {
        this.calls.push(count);
        const error = this.errors.shift();
        if (error) {
            throw error;
        }
        while (this.open.length < count && this.left > 0) {
            this.made += 1;
            this.left -= 1;
            const id = `s${this.made}`;
            this.open.push({ id, a: { id: `${id}a` }, b: { id: `${id}b` }, expires_at: new Date(600_000).toISOString() });
        }
        /* Its clock differs from the page's. */
        return { assignments: this.open.slice(0, count).map((pair) => ({ ...pair })), now: 0, retryAfterMs: 7_000, reason: 'done' };
    }

    async renew(id) {
        this.calls.push(`renew ${id}`);
        if (this.gone.has(id)) {
            throw Object.assign(new Error('gone'), { status: 404 });
        }
        return { expires_at: new Date(600_000).toISOString(), now: 0 };
    }

    async handBack(id) {
        this.calls.push(`back ${id}`);
    }

    answered(id) {
        this.open = this.open.filter((pair) => pair.id !== id);
    }
}

function setUp(t, daemon = new FakeDaemon()) {
    const clock = new Clock(t, NOW);
    const unsent = [];
    const seen = [];
    const pairs = new Pairs(daemon, () => unsent, {
        arrived: () => seen.push('arrived'),
        none: (state) => seen.push(state),
        gone: () => seen.push('gone'),
        unauthorised: () => seen.push('unauthorised'),
    });
    return { clock, daemon, pairs, unsent, seen };
}

test('one pair and three more are fetched at first, and more when fewer than two wait', async (t) => {
    const { daemon, pairs } = setUp(t);
    await pairs.start('ada');
    assert.equal(pairs.take().id, 's1');
    assert.equal(pairs.upcoming.length, 3);
    daemon.answered('s1');
    pairs.take();
    await settled();
    assert.equal(daemon.calls.length, 1);
    daemon.answered('s2');
    pairs.take();
    await settled();
    assert.equal(daemon.calls.length, 2);
    assert.deepEqual(pairs.upcoming.map((pair) => pair.id), ['s4', 's5', 's6']);
});

test('a pair whose answer is still waiting to be sent is not shown again', async (t) => {
    const { daemon, pairs, unsent } = setUp(t);
    unsent.push({ annotator: 'ada', a: 's1a', b: 's1b' }, { preference: 'tie' });
    await pairs.start('ada');
    assert.deepEqual(daemon.calls, [6]);
    assert.equal(pairs.take().id, 's2');
});

test('a pair that another person answered in this browser is shown', async (t) => {
    const { pairs, unsent } = setUp(t);
    unsent.push({ annotator: 'ben', a: 's1a', b: 's1b' });
    await pairs.start('ada');
    assert.equal(pairs.take().id, 's1');
});

test('a pair that is here or waits to be sent is recognised under a new lease with swapped sides', async (t) => {
    const { daemon, pairs, unsent } = setUp(t);
    await pairs.start('ada');
    unsent.push({ annotator: 'ada', a: 's1a', b: 's1b' });
    pairs.take();
    pairs.take();
    daemon.open = daemon.open.map((pair) => ({ ...pair, id: `${pair.id} again`, a: pair.b, b: pair.a }));
    pairs.take();
    await settled();
    assert.deepEqual(pairs.upcoming.map((pair) => pair.id), ['s4', 's5']);
});

test('a pair that was just left is not taken from a late answer, but may come again later', async (t) => {
    const { clock, daemon, pairs, seen } = setUp(t);
    daemon.left = 1;
    await pairs.start('ada');
    pairs.take();
    assert.equal(pairs.take(), null);
    await settled();
    assert.equal(pairs.take(), null);
    assert.equal(seen.at(-1).retryAt, NOW + 3_000);
    clock.tick(61_000);
    await settled();
    assert.equal(pairs.take().id, 's1');
});

test('the pair that was on view before a reload comes first', async (t) => {
    const { pairs } = setUp(t);
    await pairs.start('ada');
    assert.equal(pairs.take('s3').id, 's3');
    assert.equal(pairs.take('no such').id, 's1');
});

test('going back puts the pair on view in front', async (t) => {
    const { pairs } = setUp(t);
    await pairs.start('ada');
    const first = pairs.take();
    pairs.take();
    pairs.goBackTo({ ...first, labelId: 'x' });
    assert.equal(pairs.take().id, 's2');
});

test('where nothing is left the page asks again when it was told to', async (t) => {
    const { clock, daemon, pairs, seen } = setUp(t);
    daemon.left = 0;
    await pairs.start('ada');
    assert.deepEqual(seen, [{ reason: 'done', retryAt: NOW + 7_000, failed: false }]);
    daemon.left = 1;
    clock.tick(6_999);
    assert.equal(daemon.calls.length, 1);
    clock.tick(1);
    await settled();
    assert.equal(seen.at(-1), 'arrived');
});

test('a failed fetch is tried again, a missing token is not', async (t) => {
    const { clock, daemon, pairs, seen } = setUp(t);
    daemon.errors = [new Error('away'), Object.assign(new Error('no'), { status: 401 })];
    await pairs.start('ada');
    assert.equal(seen[0].failed, true);
    clock.tick(1_000);
    await settled();
    assert.equal(seen[1], 'unauthorised');
    clock.tick(600_000);
    assert.equal(daemon.calls.length, 2);
});

test('leases are renewed after half of their time by the daemon\'s clock', async (t) => {
    const { clock, daemon, pairs } = setUp(t);
    await pairs.start('ada');
    pairs.take();
    clock.tick(299_999);
    await pairs.keepLeases();
    assert.equal(daemon.calls.length, 1);
    clock.tick(1);
    await pairs.keepLeases();
    assert.deepEqual(daemon.calls.slice(1), ['renew s1', 'renew s2', 'renew s3', 'renew s4']);
});

test('a lost lease drops a waiting pair, and leaves the one on view until its time is over', async (t) => {
    const { clock, daemon, pairs, seen } = setUp(t);
    await pairs.start('ada');
    const shown = pairs.take();
    for (const id of ['s1', 's3']) {
        daemon.gone.add(id);
        daemon.answered(id);
    }
    clock.tick(300_000);
    await pairs.keepLeases();
    assert.deepEqual(pairs.upcoming.map((pair) => pair.id).slice(0, 2), ['s2', 's4']);
    assert.deepEqual(pairs.upcoming.filter((pair) => ['s1', 's3'].includes(pair.id)), []);
    assert.ok(!seen.includes('gone'));
    clock.tick(300_000);
    await pairs.keepLeases();
    assert.equal(seen.filter((event) => event === 'gone').length, 1);
    assert.equal(shown.id, 's1');
});

test('a pair on view whose lease ended is leased again while it is free', async (t) => {
    const { clock, daemon, pairs, seen } = setUp(t);
    await pairs.start('ada');
    const shown = pairs.take();
    daemon.gone.add('s1');
    daemon.answered('s1');
    daemon.open.unshift({ id: 'again', a: { id: 's1a' }, b: { id: 's1b' }, expires_at: new Date(600_000).toISOString() });
    clock.tick(700_000);
    await pairs.keepLeases();
    assert.ok(!seen.includes('gone'));
    assert.equal(shown.id, 'again');
    daemon.calls.length = 0;
    clock.tick(300_000);
    await pairs.keepLeases();
    assert.ok(daemon.calls.includes('renew again'));
});

test('a pair answered in another tab is dropped, and the page learns if it was on view', async (t) => {
    const { pairs } = setUp(t);
    await pairs.start('ada');
    pairs.take();
    assert.equal(pairs.forget('s2a', 's2b'), false);
    assert.equal(pairs.forget('s1a', 's1b'), true);
    assert.deepEqual(pairs.upcoming.map((pair) => pair.id), ['s3', 's4']);
});

test('signing out hands back what was not answered', async (t) => {
    const { daemon, pairs } = setUp(t);
    await pairs.start('ada');
    pairs.goBackTo({ ...pairs.take(), labelId: 'x' });
    pairs.handBack();
    assert.deepEqual(daemon.calls.slice(1), ['back s1', 'back s2', 'back s3', 'back s4']);
});

test('somebody who signs in during the fetch of another annotator gets pairs of their own', async (t) => {
    const { daemon, pairs, seen } = setUp(t);
    pairs.start('ada');
    pairs.stop();
    pairs.start('bob');
    await settled();
    assert.equal(daemon.calls.length, 2);
    assert.deepEqual(seen, ['arrived']);
});
