/* Collects model versions and samples of the metrics while the operators' page is open. */

import { MINUTE, SECOND } from './ops_format.js';
import { between, histograms, valueOf } from './prometheus.js';

export const POLL_MS = 5 * SECOND;
const SAMPLES_MAX = 360;
const VERSIONS_MAX = 500;
const VERSIONS = 'fisherd.ops.retrains';

export class History {
    versions = JSON.parse(sessionStorage.getItem(VERSIONS) ?? '[]');
    samples = [];

    collect(seen) {
        this.#collectVersion(seen.model);
        this.#collectSample(seen);
    }

    #collectVersion(model) {
        const last = this.versions.at(-1);
        if (last && (model.version < last.version || (model.version === last.version && model.trained_at !== last.at))) {
            this.versions = []; /* another database */
        }
        if (model.version > 0 && model.version !== this.versions.at(-1)?.version) {
            this.versions = [...this.versions, { version: model.version, labels: model.labels_used, seconds: model.train_seconds,
                at: model.trained_at }].slice(-VERSIONS_MAX);
            sessionStorage.setItem(VERSIONS, JSON.stringify(this.versions));
        }
    }

    /* `recent` covers the last minute, or the time since the last sample after a pause. */
    #collectSample({ now, stats, metrics }) {
        const start = valueOf(metrics, 'fisherd_start_time_seconds');
        if (this.samples.at(-1)?.start !== start) {
            this.samples = []; /* a restarted daemon counts from zero */
        }
        const before = this.samples.find(({ at }) => at >= now - MINUTE - POLL_MS) ?? this.samples.at(-1);
        const totals = timings(metrics);
        const recent = before && new Map([...totals].map(([key, histogram]) => [key, between(histogram, before.totals.get(key))]));
        const sample = { at: now, start, queue: stats.queue, totals, recent, window: before && now - before.at };
        this.samples = [...this.samples, sample].slice(-SAMPLES_MAX);
    }
}

/* Histograms of durations: by route, and of work inside the daemon. */
function timings(metrics) {
    const inside = [['choosing pairs: ', histograms(metrics, 'fisherd_selection_duration_seconds', 'strategy')],
        ['filling the queue', histograms(metrics, 'fisherd_refill_duration_seconds')],
        ['store commit', histograms(metrics, 'fisherd_store_commit_duration_seconds')]];
    return new Map([...histograms(metrics, 'fisherd_http_request_duration_seconds', 'route'),
        ...inside.flatMap(([prefix, found]) => [...found].map(([key, histogram]) => [prefix + key, histogram]))]);
}
