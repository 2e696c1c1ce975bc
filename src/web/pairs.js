/*
 * The pairs that this page holds: the one on view, and the next few, which are fetched ahead so that
 * nobody waits. Renews their leases while a person is at the page.
 */

import { backoff } from './outbox.js';

const AHEAD = 3;
const REFILL_BELOW = 2;
const MOST_AT_ONCE = 32;
const DEFAULT_RETRY_MS = 10_000;
/* The daemon returned only pairs whose answers are on their way; it will soon have others. */
const OWN_RETRY_MS = 3_000;
const LEFT_MS = 60_000;
const RENEW_AGAIN_MS = 10_000;

/* Not the id of the lease: a restarted daemon leases a pair again, perhaps with its sides swapped. */
function keyOf(a, b) {
    return JSON.stringify([a, b].sort());
}

function keyOfPair(pair) {
    return keyOf(pair.a.id, pair.b.id);
}

export class Pairs {
    #daemon;
    #annotator = '';
    #unsent;
    #events;
    #upcoming = [];
    #left = new Map();
    #shown = null;
    #fetching = false;
    #failures = 0;
    #timer = null;
    #retryAt = 0;

    /* unsent() returns the labels of this browser that the daemon does not have yet.
     * events: arrived(), none({reason, retryAt, failed}), gone(), unauthorised(error). */
    constructor(daemon, unsent, events) {
        this.#daemon = daemon;
        this.#unsent = unsent;
        this.#events = events;
    }

    get upcoming() {
        return this.#upcoming;
    }

    start(annotator) {
        this.#annotator = annotator;
        return this.refill();
    }

    /* Returns the next pair, which is then on view, or null. */
    take(preferredId = null) {
        this.#leave();
        const index = Math.max(0, this.#upcoming.findIndex((pair) => pair.id === preferredId));
        [this.#shown = null] = this.#upcoming.splice(index, 1);
        this.#refillWhereLow();
        return this.#shown;
    }

    /* A running fetch may still return the pair as open. */
    #leave() {
        if (this.#shown !== null) {
            this.#left.set(keyOfPair(this.#shown), Date.now());
        }
    }

    #refillWhereLow() {
        if (this.#upcoming.length < REFILL_BELOW && this.#timer === null) {
            this.refill();
        }
    }

    /* Undo: the earlier pair is on view, and the one that was comes next. */
    goBackTo(earlier) {
        if (this.#shown !== null) {
            this.#upcoming.unshift(this.#shown);
        }
        this.#shown = earlier;
    }

    /* The pair was answered in another tab. Returns whether it was on view here. */
    forget(a, b) {
        const key = keyOf(a, b);
        this.#left.set(key, Date.now());
        this.#upcoming = this.#upcoming.filter((pair) => keyOfPair(pair) !== key);
        return this.#shown !== null && !this.#shown.labelId && keyOfPair(this.#shown) === key;
    }

    /* Fetches at once, even if a retry is due later. */
    async refill() {
        clearTimeout(this.#timer);
        this.#timer = null;
        if (this.#fetching || this.#annotator === '') {
            return;
        }
        this.#fetching = true;
        const annotator = this.#annotator;
        const [response, error] = await this.#fetch(annotator).then((body) => [body, null], (reason) => [null, reason]);
        this.#fetching = false;
        if (annotator !== this.#annotator) {
            /* Somebody else has signed in meanwhile: fetch their pairs. */
            this.refill();
        } else if (error !== null) {
            this.#fail(error);
        } else {
            this.#accept(response);
        }
    }

    async #fetch(annotator) {
        const unsent = this.#unsent();
        /* The response begins with the open leases, so they must be counted. */
        const count = Math.min(MOST_AT_ONCE, 1 + AHEAD + unsent.length);
        return { ...await this.#daemon.assignments(annotator, count), unsent };
    }

    #accept(response) {
        const known = this.#known([...response.unsent, ...this.#unsent()]);
        const fresh = response.assignments.filter((pair) => !known.has(keyOfPair(pair)));
        for (const pair of fresh.slice(0, 1 + AHEAD)) {
            this.#upcoming.push(lease(pair, pair.expires_at, response.now));
        }
        this.#failures = 0;
        if (fresh.length > 0) {
            this.#events.arrived();
        } else if (this.#upcoming.length < REFILL_BELOW) {
            const onlyOurs = response.assignments.length > 0;
            this.#retryIn(onlyOurs ? OWN_RETRY_MS : response.retryAfterMs || DEFAULT_RETRY_MS);
            this.#events.none({ reason: response.reason ?? '', retryAt: this.#retryAt, failed: false });
        }
    }

    /* Pairs that are here, answered but not sent, or just left; the last only for a while, because a pair may come again. */
    #known(unsent) {
        for (const [key, time] of this.#left) {
            if (Date.now() - time > LEFT_MS) {
                this.#left.delete(key);
            }
        }
        const own = unsent.filter((label) => label.annotator === this.#annotator);
        const answered = own.map((label) => keyOf(label.a, label.b));
        const held = [this.#shown, ...this.#upcoming].filter((pair) => pair !== null).map(keyOfPair);
        return new Set([...answered, ...held, ...this.#left.keys()]);
    }

    #fail(error) {
        if (error.status === 401 || error.status === 403) {
            this.#events.unauthorised(error);
            return;
        }
        this.#retryIn(Math.max(backoff(this.#failures), error.retryAfterMs ?? 0));
        this.#failures += 1;
        this.#events.none({ reason: error.message, retryAt: this.#retryAt, failed: true });
    }

    #retryIn(milliseconds) {
        this.#retryAt = Date.now() + milliseconds;
        this.#timer = setTimeout(() => this.refill(), milliseconds);
    }

    /* Call this every few seconds while a person is at the page. */
    keepLeases() {
        const held = [this.#shown, ...this.#upcoming].filter((pair) => pair !== null && !pair.labelId);
        return Promise.all(held.filter((pair) => Date.now() >= pair.renewAt).map((pair) => this.#renew(pair)));
    }

    async #renew(pair) {
        /* Not again while this request runs. */
        pair.renewAt = Date.now() + RENEW_AGAIN_MS;
        try {
            const renewed = await this.#daemon.renew(pair.leaseId ?? pair.id);
            lease(pair, renewed.expires_at, renewed.now);
        } catch (error) {
            if (error.status === 404 || error.status === 409 || error.status === 410) {
                await this.#lose(pair);
            }
        }
    }

    #lose(pair) {
        const expired = Date.now() >= pair.endsAt;
        this.#upcoming = this.#upcoming.filter((other) => other !== pair);
        /* The daemon takes answers without a lease, so the pair on view stays until its time is over. */
        pair.renewAt = expired ? Infinity : pair.endsAt;
        if (pair === this.#shown) {
            return this.#reclaim(pair, expired);
        }
        this.#refillWhereLow();
        return null;
    }

    /* Leases the pair on view again, if nobody else has it by now: the daemon hands it out next. */
    async #reclaim(pair, expired) {
        const annotator = this.#annotator;
        const response = await this.#fetch(annotator).catch(() => null);
        if (annotator !== this.#annotator || pair !== this.#shown) {
            return;
        }
        if (response === null) {
            pair.renewAt = Date.now() + RENEW_AGAIN_MS;
            return;
        }
        const again = response.assignments.find((other) => keyOfPair(other) === keyOfPair(pair));
        if (again === undefined && expired) {
            this.#events.gone();
        } else if (again !== undefined) {
            /* Its sides may be swapped by now; those on view stay, and so does the id that goes with them. */
            pair.id = again.a.id === pair.a.id ? again.id : pair.id;
            pair.leaseId = again.id;
            lease(pair, again.expires_at, response.now);
        }
        this.#accept(response);
    }

    /* Hands all pairs back, for other annotators; unsent answers stay. */
    handBack() {
        const held = [this.#shown, ...this.#upcoming].filter((pair) => pair !== null && !pair.labelId);
        this.stop();
        return Promise.all(held.map((pair) => this.#daemon.handBack(pair.leaseId ?? pair.id).catch(() => {})));
    }

    /* The leases stay open: the same annotator gets these pairs again. */
    stop() {
        clearTimeout(this.#timer);
        this.#timer = null;
        this.#annotator = '';
        this.#upcoming = [];
        this.#shown = null;
        this.#left.clear();
    }
}

/* Keeps durations instead of times, because the two clocks may differ. */
function lease(pair, expiresAt, now) {
    const length = Math.max(0, Date.parse(expiresAt) - now) || 0;
    pair.renewAt = Date.now() + length / 2;
    pair.endsAt = Date.now() + length;
    return pair;
}
