/* Fills the tables and tiles of the operators' page. */

import { summed } from './ops_charts.js';
import { ago, count, counted, duration, HOUR, lossApart, MINUTE, ownCount, percent, quantileText, SECOND, signed } from './ops_format.js';
import { element, html, rowsOf, show } from './page.js';
import { histograms, totalOf, valueOf } from './prometheus.js';

/* An interval with an answer counts as work; shorter ones would overrate slow annotators. */
const WORK_INTERVAL_MS = 5 * MINUTE;

/* A smaller design effect would be shown as 1.0. */
const COUNTS_IN_FULL = 1.05;

function fillTable(id, rows) {
    element(`${id}-empty`).hidden = rows.length > 0;
    element(`${id}-scroll`).hidden = rows.length === 0;
    element(id).replaceChildren(...rowsOf(rows));
}

function perHour({ annotator, labels }, { stats, bucket, now }) {
    const buckets = Math.max(1, Math.round(WORK_INTERVAL_MS / bucket));
    const worked = new Set(stats.series.map((each, i) => (ownCount(each.labels, annotator) > 0 ? Math.floor(i / buckets) : -1)));
    worked.delete(-1);
    const first = Date.parse(stats.series[0].start);
    const lengths = [...worked].map((i) => Math.min(buckets * bucket, now - first - i * buckets * bucket));
    return labels / Math.max(MINUTE, summed(lengths)) * HOUR;
}

/* 1 follows the rewards as most people do, 0 answers at random. */
function reliability({ reliability: value, reliability_stddev: deviation }) {
    return value === null ? '–' : `${value.toFixed(1)} ± ${deviation.toFixed(1)}`.replace('-', '−');
}

function fillAnnotators(seen, annotators) {
    const { range } = seen;
    const interval = duration(Math.max(WORK_INTERVAL_MS, seen.bucket));
    show('annotators-note', `In the last ${range.name}. Per hour of work: intervals of ${interval} with an answer count as work.`);
    show('annotators-empty', `Nobody has answered in the last ${range.name}.`);
    fillTable('annotators', annotators.map((each) => [html('bdi', {}, each.annotator), count(each.labels), count(perHour(each, seen)),
        count(each.tie), count(each.skip), duration(each.median_duration_ms), reliability(each),
        html('time', { datetime: each.last_at }, ago(seen.now - Date.parse(each.last_at)))]));
}

function fillArms({ arms }) {
    const row = (name, text) => [name, text(arms.active), text(arms.control)];
    element('arms').replaceChildren(...rowsOf([
        row('Answers', (arm) => count(arm.labels)), row('Predicted by the model', (arm) => percent(arm.agreement)),
        row('Ties', (arm) => count(arm.tie)), row('Skips', (arm) => count(arm.skip)),
        row('Median time', (arm) => duration(arm.median_duration_ms)),
    ]));
}

/* Two standard errors tell a difference from chance. */
function verdict({ loss_difference: difference, stddev }) {
    return Math.abs(difference) <= 2 * stddev ? 'Not clear: the difference may be chance.'
        : difference > 0 ? 'Yes: answers to chosen pairs teach more about typical pairs than answers to random ones.'
            : 'No: answers to chosen pairs teach less about typical pairs than answers to random ones.';
}

function fillChoosing({ model: { progress } }) {
    const { choosing, selection_warning: warning } = progress;
    const known = choosing !== null && choosing.loss_difference !== null && choosing.stddev !== null;
    fillTable('choosing', !known ? [] : [
        ['Loss saved by choosing', lossApart(choosing.loss_difference)],
        ['Standard error', choosing.stddev.toFixed(4)],
        ['Predicted answers', count(choosing.answers)],
    ]);
    show('choosing-note', known ? verdict(choosing) : '');
    element('selection-note').hidden = warning === null;
    show('selection-note', `The choice of pairs may hurt: ${warning}.`);
}

function fillLearned({ model }) {
    const { text_features: { features }, blocks, scores, side, design_effect: effect } = model;
    const chance = (name) => percent(blocks.find((block) => block.name === name)?.probability ?? null);
    const words = (name) => name.replaceAll('_', ' ');
    const row = (name, { coefficient, stddev }, matters) => [name, signed(coefficient), stddev === null ? '–' : stddev.toFixed(2), matters];
    const [length] = features;
    fillTable('learned', [
        ...features.map((each) => row(words(each.name), each, chance(each === length ? 'log_length' : 'style'))),
        ...Object.entries(scores).map(([name, each]) => [html('span', {}, 'score ', html('bdi', {}, name)), ...row('', each, each.trust).slice(1)]),
    ]);
    const notes = [
        length === undefined ? '' : `Twice the length is worth ${signed(length.twice_the_length)} (± ${length.twice_the_length_stddev.toFixed(2)}).`,
        side.effect === null ? '' : `The left side is worth ${signed(side.effect)} (± ${side.stddev.toFixed(2)}).`,
        effect === null ? '' : effect < COUNTS_IN_FULL ? 'Each answer counts in full.'
            : `${effect.toFixed(1)} answers tell what one independent answer would.`,
        length === undefined ? '' : 'The features from the second one on matter together, or not at all.',
    ];
    show('learned-note', notes.filter((text) => text !== '').join(' '));
}

function fillRoutes({ samples }) {
    const { recent, window } = samples.at(-1);
    if (recent === undefined) {
        return;
    }
    const busy = [...recent].filter(([, histogram]) => totalOf(histogram) > 0).sort((a, b) => totalOf(b[1]) - totalOf(a[1]));
    show('routes-note', `Over the last ${duration(window)}; the last rows are work inside the daemon.`);
    const inside = (name) => Number(name.includes(' '));
    fillTable('routes', busy.sort((a, b) => inside(a[0]) - inside(b[0])).map(([name, histogram]) => [name,
        `${(totalOf(histogram) / window * SECOND).toFixed(1)}/s`, quantileText(histogram, 0.5), quantileText(histogram, 0.99)]));
}

function showRetrains(metrics) {
    const durations = histograms(metrics, 'fisherd_retrain_duration_seconds').get('');
    const results = metrics.get('fisherd_retrains_total') ?? [];
    const failed = summed(results.filter(({ labels }) => labels.result !== 'published').map(({ value }) => value));
    const ended = totalOf(durations);
    const mean = valueOf(metrics, 'fisherd_retrain_duration_seconds_sum') / Math.max(1, ended) * SECOND;
    show('retrains-note', ended === 0 ? 'None since the daemon started.'
        : `Since the daemon started ${count(ended)}, mean ${duration(mean)}, p99 ${quantileText(durations, 0.99)}, `
            + `failed ${count(failed)}. Drawn: each model seen while this page was open.`);
}

function showTiles({ now, stats, model, metrics, range }) {
    const { queue, all } = stats;
    show('answers', count(stats.labels));
    show('answers-more', all.labels > 0 ? `${counted(all.tie, 'tie')}, ${counted(all.skip, 'skip')}` : `in the last ${range.name}`);
    const active = stats.annotators.filter(({ last_at: at }) => now - Date.parse(at) < WORK_INTERVAL_MS).length;
    show('people', count(stats.annotators.length + stats.others.annotators));
    show('people-more', `${count(active)} in the last 5 min`);
    show('leases', count(queue.open_leases));
    const ready = queue.ready + queue.ready_control;
    show('leases-more', ready > 0 ? `${count(ready)} more ready` : 'none is ready');
    const expired = valueOf(metrics, 'fisherd_leases_expired_total');
    show('queue-note', `While this page was open. ${counted(expired, 'lease')} expired since the daemon started.`);
    const working = { idle: model.version > 0 ? `trained in ${duration(model.train_seconds * SECOND)}` : 'untrained',
        training: `training, ${Math.round((model.worker.progress ?? 0) * 100)}%`, failed: 'the last training failed' };
    show('version', model.version > 0 ? count(model.version) : 'none yet');
    show('version-more', working[model.worker.state]);
    show('accuracy', percent(model.held_out_accuracy));
    const length = model.length_accuracy === null || model.length_accuracy === undefined ? ''
        : `, length alone ${percent(model.length_accuracy)}`;
    show('accuracy-more', model.held_out_accuracy === null ? 'no answer predicted yet'
        : `of ${counted(model.held_out_labels, 'unseen answer')}${length}`);
}

export function fillTables(seen, annotators, history) {
    showTiles(seen);
    fillArms(seen.stats);
    fillChoosing(seen);
    fillAnnotators(seen, annotators);
    fillLearned(seen);
    fillRoutes(history);
    showRetrains(seen.metrics);
}
