/* Draws the charts of the operators' page. */

import { Chart, ticks } from './charts.js';
import { clock, count, counted, DAY, duration, formats, MINUTE, ownCount, percent, plain, SECOND, tickTime,
    timeTicks, wholeTicks } from './ops_format.js';
import { POLL_MS } from './ops_history.js';
import { element, show } from './page.js';
import { quantile } from './prometheus.js';

const OTHERS = 7;
/* Latencies are drawn by powers of ten, which have no zero. */
const LEAST_SECONDS = 1e-5;

export const summed = (values) => values.reduce((sum, value) => sum + value, 0);

const charts = {
    answers: new Chart(element('chart-answers'), 'bars'),
    accuracy: new Chart(element('chart-accuracy'), 'lines'),
    efficiency: new Chart(element('chart-efficiency'), 'lines'),
    logdet: new Chart(element('chart-logdet'), 'lines'),
    queue: new Chart(element('chart-queue'), 'lines'),
    retrains: new Chart(element('chart-retrains'), 'bars'),
    latency: new Chart(element('chart-latency'), 'lines'),
};

const colours = new Map();

/* Draws all charts from what was seen last and from the history. */
export function drawCharts(seen, annotators, history) {
    drawAnswers(seen, annotators);
    drawCurve(seen.model);
    drawRetrains(history);
    drawBatches(seen.stats, seen.model);
    drawSamples(history, seen.range);
}

/* An annotator keeps a colour while among the busiest. */
function colourSeries(annotators) {
    const names = annotators.slice(0, OTHERS).map(({ annotator }) => annotator);
    [...colours.keys()].filter((name) => !names.includes(name)).forEach((name) => colours.delete(name));
    for (const name of names.filter((each) => !colours.has(each))) {
        const taken = [...colours.values()];
        colours.set(name, Array.from({ length: OTHERS }, (_, i) => i).find((colour) => !taken.includes(colour)));
    }
    return names.sort((a, b) => colours.get(a) - colours.get(b)).map((name) => ({ name, colour: colours.get(name) }));
}

function drawAnswers({ stats, bucket, model, range }, annotators) {
    show('answers-note', `By annotator, each bar ${duration(bucket)}.`);
    if (stats.labels === 0) {
        charts.answers.say(model.labels === 0 ? 'No answers yet: they appear here as soon as somebody gives one.'
            : `No answers in the last ${range.name}.`);
        return;
    }
    const shown = colourSeries(annotators);
    const series = shown.map(({ name, colour }) => ({ name, colour, values: stats.series.map(({ labels }) => ownCount(labels, name)) }));
    const others = annotators.length + stats.others.annotators - shown.length;
    if (others > 0) {
        const values = stats.series.map((each, i) => summed(Object.values(each.labels)) + each.others - summed(series.map(({ values: of }) => of[i])));
        series.push({ name: counted(others, 'other'), colour: OTHERS, values });
    }
    const day = (time) => (range.ms >= DAY ? `${formats.day.format(time)}, ` : '');
    const precise = bucket < MINUTE ? formats.second : formats.minute;
    charts.answers.draw({
        series, span: bucket, x: stats.series.map(({ start }) => Date.parse(start)), xName: 'From',
        xText: (time) => `${day(time)}${precise.format(time)}–${precise.format(time + bucket)}`,
        xTick: tickTime(range.ms), xTicks: timeTicks, yText: count, yTicks: wholeTicks,
        rest: { title: `The last ${range.name}`, values: series.map(({ values }) => summed(values)) },
    });
}

const newest = (title, series) => ({ title, values: series.map(({ values }) => values.at(-1)) });

const versionText = ({ version, labels }) => `Model ${version}, ${counted(labels, 'answer')}`;

function drawCurve({ progress }) {
    const { curve } = progress;
    show('stop-note', `${progress.stop_recommended ? 'It may be time to stop' : 'Go on'}: ${progress.stop_reason}.`);
    element('selection-note').hidden = progress.selection_warning === null;
    show('selection-note', `The choice of pairs may hurt: ${progress.selection_warning}.`);
    if (curve.length === 0) {
        charts.accuracy.say('No model yet: the daemon trains the first one when there are answers to learn from.');
        return;
    }
    const accuracy = [{ name: 'Accuracy', colour: 0, values: curve.map((each) => each.held_out_accuracy) }];
    const known = accuracy[0].values.filter((value) => value !== null);
    if (known.length === 0) {
        charts.accuracy.say('No model has predicted answers that it did not see yet.');
        return;
    }
    charts.accuracy.draw({
        series: accuracy, x: curve.map(({ labels }) => labels), xName: 'Answers used',
        xText: (labels) => counted(labels, 'answer'), xTick: count, xTicks: wholeTicks,
        yText: percent, low: Math.min(0.5, ...known), high: 1, yTicks: (low, high) => ticks(low, high, 5),
        rest: newest(versionText(curve.at(-1)), accuracy),
    });
}

function drawRetrains({ versions }) {
    if (versions.length === 0) {
        charts.retrains.say('No retrain yet.');
        return;
    }
    const seconds = [{ name: 'Duration', colour: 0, values: versions.map((each) => each.seconds) }];
    charts.retrains.draw({
        series: seconds, x: versions.map((_, i) => i - 0.5), span: 1, xName: 'Model',
        xText: (x) => versionText(versions[x + 0.5]), xTick: (i) => String(versions[i]?.version ?? ''), xTicks: wholeTicks,
        yText: (value) => duration(value * SECOND), high: Math.max(...seconds[0].values) * 1.05 || 1,
        rest: newest(versionText(versions.at(-1)), seconds),
    });
}

/* The daemon reports only the D-efficiency of a random batch. Both batches have the same bound and as many features. */
function randomLogdet(batch, features) {
    const ratio = batch.random_d_efficiency / batch.d_efficiency;
    return batch.logdet_after === null || !(ratio > 0) ? null : batch.logdet_after + features * Math.log(ratio);
}

function drawBatches({ batches }, { features }) {
    if (batches.length === 0) {
        charts.efficiency.say('No batch has been chosen since the daemon started.');
        charts.logdet.say('No batch has been chosen since the daemon started.');
        return;
    }
    const text = (i) => {
        const { at, pairs, strategy, model_version: version } = batches[i];
        return `${clock(Date.parse(at))}, ${counted(pairs, 'pair')} by ${strategy}, model ${version}`;
    };
    const first = Date.parse(batches[0].at);
    const precise = Date.parse(batches.at(-1).at) - first < 10 * MINUTE ? formats.second : formats.minute;
    const common = { x: batches.map((_, i) => i), xName: 'Batch', xText: text,
        xTick: (i) => (i in batches ? precise.format(Date.parse(batches[i].at)) : ''), xTicks: wholeTicks };
    const series = (chosen, random) => [{ name: 'Chosen', colour: 0, values: batches.map(chosen) },
        { name: 'Random', colour: 1, dashed: true, values: batches.map(random) }];
    const draw = (chart, lines, scale) =>
        chart.draw({ ...common, ...scale, series: lines, yText: plain, rest: newest(text(batches.length - 1), lines) });
    const efficiency = series((batch) => batch.d_efficiency, (batch) => batch.random_d_efficiency);
    const known = efficiency.flatMap(({ values }) => values).filter((value) => value !== null);
    draw(charts.efficiency, efficiency, { low: Math.min(0.9, Math.floor(Math.min(1, ...known) * 10) / 10), high: 1 });
    const logdet = series((batch) => batch.logdet_after, (batch) => randomLogdet(batch, features));
    const breaks = new Set(batches.map((_, i) => i).filter((i) => i > 0 && batches[i].model_version !== batches[i - 1].model_version));
    draw(charts.logdet, logdet, { breaks });
}

function drawSamples({ samples }, range) {
    if (samples.length < 2) {
        charts.queue.say('The first points appear in a few seconds.');
        charts.latency.say('The first points appear in a few seconds.');
        return;
    }
    const gaps = (shown) => new Set(shown.map((_, i) => i).filter((i) => i > 0 && shown[i].at - shown[i - 1].at > 3 * POLL_MS));
    const draw = (chart, shown, series, scale) => chart.draw({ ...scale, series,
        x: shown.map(({ at }) => at), breaks: gaps(shown), xName: 'Time',
        xText: clock, xTick: tickTime(range.ms), xTicks: timeTicks, rest: newest(`Now, ${clock(shown.at(-1).at)}`, series) });
    const queue = [['Out', 'open_leases', 0], ['Ready', 'ready', 2], ['Ready, control', 'ready_control', 1]]
        .map(([name, key, colour]) => ({ name, colour, dashed: colour === 1, values: samples.map((each) => each.queue[key]) }));
    const most = Math.max(4, ...queue.flatMap(({ values }) => values));
    draw(charts.queue, samples, queue, { yText: count, yTicks: wholeTicks, low: 0, high: most * 1.05 });
    const timed = samples.slice(1);
    const line = (name, route, q, colour) => ({ name, colour, dashed: q < 0.9, values: timed.map(({ recent }) => {
        const found = quantile(recent.get(route), q);
        return found === null ? null : Math.log10(Math.max(found.value, LEAST_SECONDS) * SECOND);
    }) });
    const latency = [line('Assign p99', 'assign', 0.99, 0), line('Assign p50', 'assign', 0.5, 0),
        line('Answer p99', 'labels_add', 0.99, 1), line('Answer p50', 'labels_add', 0.5, 1)];
    const known = latency.flatMap(({ values }) => values).filter((value) => value !== null);
    if (known.length === 0) {
        charts.latency.say('No annotator has called since this page was opened.');
    } else {
        draw(charts.latency, timed, latency, { yText: (power) => duration(10 ** power), yTicks: wholeTicks,
            low: Math.floor(Math.min(...known)), high: Math.ceil(Math.max(...known) + 0.01) });
    }
}
