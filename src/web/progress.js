/* How far the person and the model have come: counted here at once, put right by the daemon at times. */

import * as view from './view.js';

const RATE_WINDOW_MS = 5 * 60_000;
/* Two quick answers are no rate yet. */
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

    /* own: what is shown until the daemon has told, and where it cannot tell; alone: it does not
     * tell this annotator of others. */
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

    /* Neither call is needed to work, so their failures are not shown. */
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
