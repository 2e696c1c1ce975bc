/*
 * Answers on their way to the daemon. Each one has a key of its own in localStorage. It is written
 * before the answer is sent, and removed when the daemon has the answer. So a reload, a crash or a
 * second tab cannot lose an answer, and its id makes a repetition harmless.
 */

const WAITING = 'fisherd.outbox.';
const ASIDE = 'fisherd.aside.';
const SENDER = 'fisherd.sender';
const LEASE_MS = 30_000;
const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 60_000;

/* Doubles with each failure. The jitter keeps many pages from returning at the same moment. */
export function backoff(failures, random = Math.random) {
    const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** failures);
    return FIRST_DELAY_MS + random() * (ceiling - FIRST_DELAY_MS);
}

/* crypto.randomUUID needs a secure context, and a daemon in a laboratory often has only HTTP. */
export function makeId() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/* The daemon refuses this answer for good; after any other error a retry may succeed. */
function isRefusal(error) {
    return error.status >= 400 && error.status < 500 && error.status !== 408 && error.status !== 429;
}

/* The next answer would fail too. */
function isUnauthorised(error) {
    return error.status === 401;
}

/* Runs work(extend) in one tab at a time; false if another tab is running it. */
export function oneTabAtATime(storage, locks = globalThis.navigator?.locks) {
    if (locks) {
        return (work) => locks.request(SENDER, () => work(() => {}));
    }
    const owner = makeId();
    const extend = () => storage.setItem(SENDER, JSON.stringify({ owner, until: Date.now() + LEASE_MS }));
    const held = () => JSON.parse(storage.getItem(SENDER) ?? 'null');
    const release = () => {
        if (held()?.owner === owner) {
            storage.removeItem(SENDER);
        }
    };
    globalThis.addEventListener?.('pagehide', release);
    return async (work) => {
        const lease = held();
        if (lease !== null && lease.owner !== owner && lease.until > Date.now()) {
            return false;
        }
        extend();
        try {
            return await work(extend);
        } finally {
            release();
        }
    };
}

export class Outbox {
    #storage;
    #send;
    #alone;
    #changed;
    #unauthorised;
    #name = '';
    #draining = false;
    #paused = false;
    #failures = 0;
    #timer = null;

    /* send(entry) returns a promise; changed() is called after each change, unauthorised(error) when a token is needed. */
    constructor({ storage, send, changed = () => {}, unauthorised = () => {}, alone = oneTabAtATime(storage) }) {
        this.#storage = storage;
        this.#send = send;
        this.#alone = alone;
        this.#changed = changed;
        this.#unauthorised = unauthorised;
    }

    /* From now on this person's answers are shown and sent; those of others wait for them. */
    signIn(name) {
        this.#name = name;
        return this.resume();
    }

    signOut() {
        this.#name = '';
        this.#cancelTimer();
        this.#changed();
    }

    get waiting() {
        return this.#entries(WAITING).filter((entry) => this.#isMine(entry));
    }

    get aside() {
        return this.#entries(ASIDE).filter((entry) => this.#isMine(entry));
    }

    /* Entries of older pages may name nobody. */
    #isMine(entry) {
        const owner = entry.annotator ?? entry.label.annotator;
        return owner === undefined || owner === this.#name;
    }

    /* Throws if the browser's storage is full or forbidden; the answer is then not taken. */
    add(label) {
        this.#append({ method: 'POST', id: label.id, label });
        this.drain();
    }

    /* An answer that may have reached the daemon is corrected there, by a request that follows it. */
    correct(id, preference) {
        const refused = this.aside.find((entry) => entry.id === id && entry.method === 'POST');
        if (refused !== undefined) {
            this.#storage.removeItem(refused.key);
            this.add({ ...refused.label, preference });
            return;
        }
        const last = this.waiting.findLast((entry) => entry.id === id);
        if (last === undefined || last.tried) {
            this.#append({ method: 'PUT', id, annotator: this.#name, label: { preference } });
        } else {
            this.#write({ ...last, label: { ...last.label, preference } });
        }
        this.drain();
    }

    /* Sends at once, without waiting for the backoff: the network is back, or there is a new token. */
    resume() {
        this.#paused = false;
        this.#failures = 0;
        this.#cancelTimer();
        return this.drain();
    }

    sendAsideAgain() {
        for (const entry of this.aside) {
            this.#append({ ...entry, reason: undefined });
            this.#storage.removeItem(entry.key);
        }
        return this.resume();
    }

    discardAside() {
        this.aside.forEach((entry) => this.#storage.removeItem(entry.key));
        this.#changed();
    }

    /* Sends what is waiting; if a retry is due later, new answers wait for it. */
    async drain() {
        this.#changed();
        if (this.#draining || this.#paused || this.#timer !== null) {
            return;
        }
        this.#draining = true;
        let ran;
        try {
            ran = await this.#alone((extend) => this.#sendAll(extend));
        } finally {
            this.#draining = false;
        }
        if (ran === false) {
            this.#retryIn(backoff(1));
        } else if (this.waiting.length > 0) {
            /* Either an answer came meanwhile, or a failure set the timer, and this call returns at once. */
            this.drain();
        }
    }

    async #sendAll(extend) {
        for (let entry = this.waiting[0]; entry !== undefined; entry = this.waiting[0]) {
            extend();
            /* Written before the request goes out: from now on the daemon may have the answer. */
            const sent = this.#write({ ...entry, tried: true });
            try {
                await this.#send(sent);
                this.#failures = 0;
                this.#settle(sent);
            } catch (error) {
                if (!this.#recover(sent, error)) {
                    return;
                }
            }
            this.#changed();
        }
    }

    /* Another tab may have replaced the answer while it was being sent. */
    #settle(sent) {
        const now = this.#read(sent.key);
        if (now !== null && now.label.preference !== sent.label.preference) {
            const label = { preference: now.label.preference };
            this.#write({ key: sent.key, method: 'PUT', id: sent.id, annotator: sent.annotator ?? sent.label.annotator, label });
        } else {
            this.#storage.removeItem(sent.key);
        }
    }

    /* True if the next answers can be sent. */
    #recover(entry, error) {
        if (isUnauthorised(error)) {
            this.#paused = true;
            this.#unauthorised(error);
            return false;
        }
        if (isRefusal(error)) {
            const key = ASIDE + entry.key.slice(WAITING.length);
            this.#write({ ...entry, key, reason: error.message });
            this.#storage.removeItem(entry.key);
            return true;
        }
        this.#retryIn(Math.max(backoff(this.#failures), error.retryAfterMs ?? 0));
        this.#failures += 1;
        return false;
    }

    #retryIn(milliseconds) {
        this.#cancelTimer();
        this.#timer = setTimeout(() => {
            this.#timer = null;
            this.drain();
        }, milliseconds);
    }

    #cancelTimer() {
        clearTimeout(this.#timer);
        this.#timer = null;
    }

    /* Keys sort in the order of the answers, even if the clock was set back between two. */
    #append(entry) {
        const last = Number(this.#entries(WAITING).at(-1)?.key.slice(WAITING.length).split('.')[0] ?? 0);
        const order = String(Math.max(Date.now(), last + 1)).padStart(15, '0');
        this.#write({ ...entry, tried: false, key: `${WAITING}${order}.${entry.id}` });
    }

    #write(entry) {
        const { key, ...value } = entry;
        this.#storage.setItem(key, JSON.stringify(value));
        return entry;
    }

    #read(key) {
        const text = this.#storage.getItem(key);
        return text === null ? null : { key, ...JSON.parse(text) };
    }

    #entries(prefix) {
        const keys = Array.from({ length: this.#storage.length }, (_, index) => this.#storage.key(index));
        return keys.filter((key) => key.startsWith(prefix)).sort().map((key) => this.#read(key));
    }
}

/* The answer that another tab wrote, from its storage event; null for other events. */
export function answerFromOtherTab(event) {
    const isAnswer = event.key?.startsWith(WAITING) && event.newValue !== null;
    return isAnswer ? JSON.parse(event.newValue).label : null;
}
