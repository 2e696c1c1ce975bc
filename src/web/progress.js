/* The progress of annotator and model: the page counts answers at once, and corrects itself by the daemon's numbers. */

import * as view from './label_view.js';

const RATE_WINDOW_MS = 5 * 60_000;
/* The page shows no rate before this time: two quick answers say little. */
const RATE_AFTER_MS = 15_000;

export class Progress {
    #daemon;
    #outbox;
    #annotator = '';
    #alone = false;
    #given = 0;
    #times = [];
    #own = 0;
    #total = null;

    constructor(daemon, outbox) {
        this.#daemon = daemon;
        this.#outbox = outbox;
    }

    /* own: the count to show until the daemon's arrives; alone: the daemon does not tell this annotator
     * about others. */
    start(annotator, own, alone = false) {
        this.#annotator = annotator;
        this.#alone = alone;
        this.#own = own;
        this.#total = null;
        this.#show();
    }

    stop() {
        this.#annotator = '';
        this.#times = [];
        view.showModel(null);
    }

    count() {
        this.#given += 1;
        this.#own += 1;
        this.#total = this.#total === null ? null : this.#total + 1;
        this.#times.push(Date.now());
        this.#show();
    }

    /* The page works without these calls, so it does not show their failures. */
    async update() {
        if (this.#annotator === '' || this.#alone || document.hidden) {
            return;
        }
        const annotator = this.#annotator;
        const givenBefore = this.#given;
        const unsentBefore = this.#unsent();
        const [model, stats] = await Promise.all([
            this.#daemon.model().catch(() => null),
            this.#daemon.stats(annotator).catch(() => null),
        ]);
        if (annotator !== this.#annotator) {
            return;
        }
        if (model !== null) {
            view.showModel(model);
        }
        if (stats !== null) {
            const ahead = unsentBefore + this.#given - givenBefore;
            const mine = stats.annotators?.find((row) => row.annotator === annotator);
            this.#own = (mine?.labels ?? 0) + ahead;
            this.#total = stats.labels + ahead;
        }
        this.#show();
    }

    #unsent() {
        const isMine = (entry) => entry.method === 'POST' && entry.label.annotator === this.#annotator;
        return this.#outbox.waiting.filter(isMine).length;
    }

    #rate() {
        const now = Date.now();
        this.#times = this.#times.filter((time) => time > now - RATE_WINDOW_MS);
        const elapsed = now - this.#times[0];
        return elapsed > RATE_AFTER_MS ? (this.#times.length - 1) * 60_000 / elapsed : null;
    }

    #show() {
        view.showProgress({ own: this.#own, total: this.#total, rate: this.#rate() });
    }
}
