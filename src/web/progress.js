/*
 * The progress of annotator and project: the page counts answers at once, and corrects itself by the
 * daemon's numbers. It says nothing of how often the model agrees, because that might sway answers.
 */

import * as view from './label_view.js';
import * as remembered from './remembered.js';

const RATE_WINDOW_MS = 5 * 60_000;
/* The page shows no rate before this time: two quick answers say little. */
const RATE_AFTER_MS = 15_000;

export class Progress {
    #daemon;
    #outbox;
    #annotator = '';
    #seesModel = true;
    #given = 0;
    #times = [];
    #today = 0;
    #own = null;
    #total = null;

    constructor(daemon, outbox) {
        this.#daemon = daemon;
        this.#outbox = outbox;
    }

    /* seesModel: the daemon tells this annotator about its model. Today's count is this browser's at first. */
    start(annotator, seesModel) {
        this.#annotator = annotator;
        this.#seesModel = seesModel;
        this.#today = remembered.today(annotator);
        this.#own = null;
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
        this.#today = remembered.countToday(this.#annotator, this.#today);
        this.#own = this.#own === null ? null : this.#own + 1;
        this.#total = this.#total === null ? null : this.#total + 1;
        this.#times.push(Date.now());
        this.#show();
    }

    /* The page works without these calls, so it does not show their failures. */
    async update() {
        if (this.#annotator === '' || document.hidden) {
            return undefined;
        }
        const annotator = this.#annotator;
        const givenBefore = this.#given;
        const unsentBefore = this.#unsent();
        const [model, counts] = await Promise.all([
            this.#seesModel ? this.#daemon.model().catch(() => null) : null,
            this.#daemon.progress(annotator, remembered.startOfToday()).catch(() => null),
        ]);
        if (annotator !== this.#annotator) {
            return undefined;
        }
        if (model !== null) {
            view.showModel(model);
        }
        if (counts !== null && (this.#given !== givenBefore || this.#unsent() !== unsentBefore)) {
            return this.update(); // the daemon may have counted what was sent meanwhile, or not
        }
        if (counts !== null) {
            this.#own = counts.own.labels + unsentBefore;
            this.#today = remembered.setToday(annotator, counts.own.since + unsentBefore);
            this.#total = counts.project.labels + unsentBefore;
        }
        this.#show();
        return undefined;
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
        view.showProgress({ name: this.#annotator, today: this.#today, own: this.#own, total: this.#total, rate: this.#rate() });
    }
}
