/*
 * A clock that stands still until a test moves it: in the place of setTimeout, clearTimeout and
 * Date until that test ends. The one of node:test knows no Date in Node.js 18, which Debian 12 has.
 */

import { webcrypto } from 'node:crypto';

/* Browsers and newer versions of Node.js have it. */
globalThis.crypto ??= webcrypto;

const real = { setTimeout, clearTimeout, Date };

export class Clock {
    #now;
    #passed = 0; /* timers do not follow a Date that is set */
    #lastTimer = 0;
    #timers = new Map();

    constructor(t, now) {
        const readNow = () => this.#now;
        this.#now = now;
        globalThis.setTimeout = (call, delay = 0, ...values) => {
            this.#timers.set(++this.#lastTimer, { at: this.#passed + Math.max(1, delay), call: () => call(...values) });
            return this.#lastTimer;
        };
        globalThis.clearTimeout = (timer) => { this.#timers.delete(timer); };
        globalThis.Date = class extends real.Date {
            constructor(...values) {
                super(...(values.length > 0 ? values : [readNow()]));
            }

            static now() {
                return readNow();
            }
        };
        t.after(() => Object.assign(globalThis, real));
    }

    /* Runs the timers that fall due, each at its time, the earliest first. */
    tick(milliseconds) {
        const end = this.#passed + milliseconds;
        for (let next = this.#nextUntil(end); next !== null; next = this.#nextUntil(end)) {
            const [timer, { at, call }] = next;
            this.#timers.delete(timer);
            this.#moveTo(at);
            call();
        }
        this.#moveTo(end);
    }

    setDate(now) {
        this.#now = now;
    }

    #moveTo(passed) {
        this.#now += passed - this.#passed;
        this.#passed = passed;
    }

    /* Sorting keeps those of one time in the order in which they were set. */
    #nextUntil(end) {
        const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, one], [, other]) => one.at - other.at);
        return due[0] ?? null;
    }
}
