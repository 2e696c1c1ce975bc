/* The operators' page: looks at the daemon every few seconds and draws what it sees. */

import { signInWith, signOut as endSession, whoIsHere } from './access.js';
import { Chart, html, rowsOf, ticks } from './charts.js';
import { between, histograms, parse, quantile, totalOf, valueOf } from './figures.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const POLL_MS = 5 * SECOND;
const BACKOFF_MAX_MS = MINUTE;
const TIMEOUT_MS = 10 * SECOND;
const SAMPLES_MAX = 360;
const VERSIONS_MAX = 500;
const VERSIONS = 'fisherd.ops.retrains';
/* A stretch with an answer counts as work; shorter ones would overrate the slow. */
const STRETCH_MS = 5 * MINUTE;
const OTHERS = 7;
/* Latencies are drawn by powers of ten, where nothing is nought. */
const LEAST_SECONDS = 1e-5;

/* Buckets begin at round times, so that bars do not change their meaning from look to look. */
const RANGES = {
    '15m': { name: '15 minutes', ms: 15 * MINUTE, buckets: 60 },
    '1h': { name: 'hour', ms: HOUR, buckets: 60 },
    '24h': { name: '24 hours', ms: DAY, buckets: 48 },
    '7d': { name: '7 days', ms: 7 * DAY, buckets: 56 },
};

const element = (id) => document.getElementById(id);

const charts = {
    answers: new Chart(element('chart-answers'), 'bars'),
    accuracy: new Chart(element('chart-accuracy'), 'lines'),
    efficiency: new Chart(element('chart-efficiency'), 'lines'),
    logdet: new Chart(element('chart-logdet'), 'lines'),
    queue: new Chart(element('chart-queue'), 'lines'),
    retrains: new Chart(element('chart-retrains'), 'bars'),
    latency: new Chart(element('chart-latency'), 'lines'),
};

let range = RANGES['1h'];
let turn = 0;
let timer = null;
let failures = 0;
let lastSeen = null;
let clockAhead = 0;
let samples = [];
let versions = JSON.parse(sessionStorage.getItem(VERSIONS) ?? '[]');
const colours = new Map();

/* ---- words ---- */

const numbers = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const formats = {
    second: new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' }),
    minute: new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' }),
    day: new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric' }),
};

const count = (value) => numbers.format(value);
const counted = (value, one, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`;
const percent = (share) => (share === null ? '–' : `${Number((share * 100).toFixed(1))}%`);
const clock = (time) => formats.second.format(time);
/* In as many digits as the steps between ticks need, and no rounding noise. */
const plain = (value) => String(Number(value.toPrecision(4))).replace('-', '−');

function duration(ms) {
    if (ms === null || ms < 0) {
        return '–';
    }
    const [size, unit] = [[SECOND, 'ms'], [MINUTE, 's'], [HOUR, 'min'], [2 * DAY, 'h'], [Infinity, 'days']].find(([limit]) => ms < limit);
    const value = ms / { ms: 1, s: SECOND, min: MINUTE, h: HOUR, days: DAY }[unit];
    return `${value < 10 && size <= MINUTE ? Number(value.toPrecision(2)) : Math.round(value)} ${unit}`;
}

const ago = (ms) => (ms < 2 * POLL_MS ? 'just now' : `${duration(ms)} ago`);

function tickTime(time) {
    const date = new Date(time);
    if (range.ms >= DAY && date.getHours() === 0 && date.getMinutes() === 0) {
        return formats.day.format(time);
    }
    return (date.getSeconds() === 0 ? formats.minute : formats.second).format(time);
}

const TIME_STEPS = [0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440].map((minutes) => minutes * MINUTE);

function timeTicks(low, high, most) {
    const step = TIME_STEPS.find((each) => (high - low) / each <= most) ?? TIME_STEPS.at(-1);
    const zone = new Date(high).getTimezoneOffset() * MINUTE;
    const first = Math.ceil((low - zone) / step) * step + zone;
    return Array.from({ length: Math.max(0, Math.floor((high - first) / step) + 1) }, (_, i) => first + i * step);
}

const wholeTicks = (low, high, most) => ticks(low, high, most).filter(Number.isInteger);

/* ---- calls ---- */

async function get(path) {
    const response = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) })
        .catch(() => Promise.reject(new Error('it cannot be reached')));
    if (!response.ok) {
        const problem = await response.json().catch(() => ({}));
        throw Object.assign(new Error(`it says ${response.status}, ${problem.detail ?? response.statusText}`),
            { status: response.status });
    }
    /* The daemon's clock counts: this one may be wrong by hours. It tells whole seconds, and by less
     * than one the difference must not change, or time would run backwards between two looks. */
    const ahead = Date.parse(response.headers.get('Date') ?? '') + SECOND / 2 - Date.now();
    clockAhead = Math.abs(ahead - clockAhead) > SECOND ? ahead : clockAhead;
    return response;
}

async function look() {
    const [model, figures] = await Promise.all([
        get('/v1/model').then((response) => response.json()),
        get('/metrics').then((response) => response.text()),
    ]);
    const now = Date.now() + clockAhead;
    const bucket = range.ms / range.buckets;
    const to = Math.floor(now / bucket) * bucket + bucket;
    const stats = await get(`/v1/stats?from=${to - range.ms}&to=${to}&buckets=${range.buckets}`)
        .then((response) => response.json());
    return { now, bucket, model, stats, figures: parse(figures) };
}

/* ---- figures ---- */

function quantileText(histogram, q) {
    const found = quantile(histogram, q);
    if (found === null) {
        return '–';
    }
    const text = duration((found.first ? found.limit : found.value) * SECOND);
    return found.first ? `< ${text}` : found.beyond ? `> ${text}` : text;
}

/* ---- what is collected while the page is open ---- */

function collectVersion(model) {
    const last = versions.at(-1);
    if (last && (model.version < last.version || (model.version === last.version && model.trained_at !== last.at))) {
        versions = []; /* another database */
    }
    if (model.version > 0 && model.version !== versions.at(-1)?.version) {
        versions = [...versions, { version: model.version, labels: model.labels_used, seconds: model.train_seconds,
            at: model.trained_at }].slice(-VERSIONS_MAX);
        sessionStorage.setItem(VERSIONS, JSON.stringify(versions));
    }
}

function timings(figures) {
    const inside = [['choosing pairs: ', histograms(figures, 'fisherd_selection_duration_seconds', 'strategy')],
        ['filling the queue', histograms(figures, 'fisherd_refill_duration_seconds')],
        ['store commit', histograms(figures, 'fisherd_store_commit_duration_seconds')]];
    return new Map([...histograms(figures, 'fisherd_http_request_duration_seconds', 'route'),
        ...inside.flatMap(([prefix, found]) => [...found].map(([key, histogram]) => [prefix + key, histogram]))]);
}

/* The minute before, or since the look before where there was a pause. */
function collectSample({ now, stats, figures }) {
    const start = valueOf(figures, 'fisherd_start_time_seconds');
    if (samples.at(-1)?.start !== start) {
        samples = []; /* counters begin anew */
    }
    const before = samples.find(({ at }) => at >= now - MINUTE - POLL_MS) ?? samples.at(-1);
    const totals = timings(figures);
    const recent = before && new Map([...totals].map(([key, histogram]) => [key, between(histogram, before.totals.get(key))]));
    samples = [...samples, { at: now, start, queue: stats.queue, totals, recent, window: before && now - before.at }].slice(-SAMPLES_MAX);
}

/* ---- drawing ---- */

/* An annotator keeps a colour while the page is open; the busiest come first to one. */
function colourSeries(annotators) {
    const names = annotators.slice(0, OTHERS).map(({ annotator }) => annotator);
    [...colours.keys()].filter((name) => !names.includes(name)).forEach((name) => colours.delete(name));
    for (const name of names.filter((each) => !colours.has(each))) {
        const taken = [...colours.values()];
        colours.set(name, Array.from({ length: OTHERS }, (_, i) => i).find((colour) => !taken.includes(colour)));
    }
    return names.sort((a, b) => colours.get(a) - colours.get(b)).map((name) => ({ name, colour: colours.get(name) }));
}

const summed = (values) => values.reduce((sum, value) => sum + value, 0);

function drawAnswers({ stats, bucket, model }, annotators) {
    element('answers-note').textContent = `By annotator, each bar ${duration(bucket)}.`;
    if (stats.labels === 0) {
        charts.answers.say(model.labels === 0 ? 'No answers yet: they show here as soon as somebody gives one.'
            : `No answers in the last ${range.name}.`);
        return;
    }
    const shown = colourSeries(annotators);
    const series = shown.map(({ name, colour }) => ({ name, colour, values: stats.series.map(({ labels }) => labels[name] ?? 0) }));
    if (annotators.length > shown.length) {
        const values = stats.series.map(({ labels }, i) => summed(Object.values(labels)) - summed(series.map((each) => each.values[i])));
        series.push({ name: `${annotators.length - shown.length} others`, colour: OTHERS, values });
    }
    const day = (time) => (range.ms >= DAY ? `${formats.day.format(time)}, ` : '');
    const precise = bucket < MINUTE ? formats.second : formats.minute;
    charts.answers.draw({
        series, span: bucket, x: stats.series.map(({ start }) => Date.parse(start)), xName: 'From',
        xText: (time) => `${day(time)}${precise.format(time)}–${precise.format(time + bucket)}`,
        xTick: tickTime, xTicks: timeTicks, yText: count, yTicks: wholeTicks,
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
        charts.accuracy.say('No model yet: the first is trained when there are answers to learn from.');
        return;
    }
    const accuracy = [{ name: 'Held-out accuracy', colour: 0, values: curve.map((each) => each.held_out_accuracy) }];
    const known = accuracy[0].values.filter((value) => value !== null);
    if (known.length === 0) {
        charts.accuracy.say('No answers are held out yet to test the model on.');
        return;
    }
    charts.accuracy.draw({
        series: accuracy, x: curve.map(({ labels }) => labels), xName: 'Answers used',
        xText: (labels) => counted(labels, 'answer'), xTick: count, xTicks: wholeTicks,
        yText: percent, low: Math.min(0.5, ...known), high: 1, yTicks: (low, high) => ticks(low, high, 5),
        rest: newest(versionText(curve.at(-1)), accuracy),
    });
}

function drawRetrains() {
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

/* Of a random batch only the D-efficiency is told; both have the same bound, and features as dimension. */
function randomLogdet(batch, features) {
    const ratio = batch.random_d_efficiency / batch.d_efficiency;
    return batch.logdet_after === null || !(ratio > 0) ? null : batch.logdet_after + features * Math.log(ratio);
}

function drawBatches({ batches }, { features }) {
    if (batches.length === 0) {
        charts.efficiency.say('No batch was chosen since the daemon started.');
        charts.logdet.say('No batch was chosen since the daemon started.');
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

function drawSamples() {
    if (samples.length < 2) {
        charts.queue.say('The line begins with the second look, in some seconds.');
        charts.latency.say('The line begins with the second look, in some seconds.');
        return;
    }
    const gaps = (shown) => new Set(shown.map((_, i) => i).filter((i) => i > 0 && shown[i].at - shown[i - 1].at > 3 * POLL_MS));
    const draw = (chart, shown, series, scale) => chart.draw({ ...scale, series,
        x: shown.map(({ at }) => at), breaks: gaps(shown), xName: 'Time',
        xText: clock, xTick: tickTime, xTicks: timeTicks, rest: newest(`Now, ${clock(shown.at(-1).at)}`, series) });
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
        charts.latency.say('No annotator’s call since this page is open.');
    } else {
        draw(charts.latency, timed, latency, { yText: (power) => duration(10 ** power), yTicks: wholeTicks,
            low: Math.floor(Math.min(...known)), high: Math.ceil(Math.max(...known) + 0.01) });
    }
}

/* ---- tables and tiles ---- */

function show(id, text) {
    element(id).textContent = text;
}

function fillTable(id, rows) {
    element(`${id}-empty`).hidden = rows.length > 0;
    element(`${id}-scroll`).hidden = rows.length === 0;
    element(id).replaceChildren(...rowsOf(rows));
}

function perHour({ annotator, labels }, { stats, bucket, now }) {
    const buckets = Math.max(1, Math.round(STRETCH_MS / bucket));
    const worked = new Set(stats.series.map((each, i) => (each.labels[annotator] ? Math.floor(i / buckets) : -1)));
    worked.delete(-1);
    const first = Date.parse(stats.series[0].start);
    const lengths = [...worked].map((i) => Math.min(buckets * bucket, now - first - i * buckets * bucket));
    return labels / Math.max(MINUTE, summed(lengths)) * HOUR;
}

function fillAnnotators(seen, annotators) {
    const stretch = duration(Math.max(STRETCH_MS, seen.bucket));
    show('annotators-note', `In the last ${range.name}. Per hour of work: each ${stretch} with an answer count.`);
    show('annotators-empty', `Nobody answered in the last ${range.name}.`);
    fillTable('annotators', annotators.map((each) => [html('bdi', {}, each.annotator), count(each.labels), count(perHour(each, seen)),
        count(each.tie), count(each.skip), duration(each.mean_duration_ms),
        html('time', { datetime: each.last_at }, ago(seen.now - Date.parse(each.last_at)))]));
}

function fillArms({ arms }) {
    const row = (name, text) => [name, text(arms.active), text(arms.control)];
    element('arms').replaceChildren(...rowsOf([
        row('Answers', (arm) => count(arm.labels)), row('Foreseen by the model', (arm) => percent(arm.agreement)),
        row('Ties', (arm) => count(arm.tie)), row('Skips', (arm) => count(arm.skip)),
        row('Mean time', (arm) => duration(arm.mean_duration_ms)),
    ]));
}

function fillRoutes() {
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

function showRetrains(figures) {
    const durations = histograms(figures, 'fisherd_retrain_duration_seconds').get('');
    const results = figures.get('fisherd_retrains_total') ?? [];
    const failed = summed(results.filter(({ labels }) => labels.result !== 'published').map(({ value }) => value));
    const ended = totalOf(durations);
    const mean = valueOf(figures, 'fisherd_retrain_duration_seconds_sum') / Math.max(1, ended) * SECOND;
    show('retrains-note', ended === 0 ? 'None since the daemon started.'
        : `Since the daemon started ${count(ended)}, mean ${duration(mean)}, p99 ${quantileText(durations, 0.99)}, `
            + `failed ${count(failed)}. Drawn: each model seen while this page was open.`);
}

function showTiles({ now, stats, model, figures }) {
    const { queue, all } = stats;
    show('answers', count(stats.labels));
    show('answers-more', all.labels > 0 ? `${counted(all.tie, 'tie')}, ${counted(all.skip, 'skip')}` : `in the last ${range.name}`);
    const active = stats.annotators.filter(({ last_at: at }) => now - Date.parse(at) < STRETCH_MS).length;
    show('people', count(stats.annotators.length));
    show('people-more', `${count(active)} in the last 5 min`);
    show('leases', count(queue.open_leases));
    const ready = queue.ready + queue.ready_control;
    show('leases-more', ready > 0 ? `${count(ready)} more ready` : 'and none is ready');
    const expired = valueOf(figures, 'fisherd_leases_expired_total');
    show('queue-note', `While this page was open. ${counted(expired, 'lease')} expired since the daemon started.`);
    const working = { idle: model.version > 0 ? `trained in ${duration(model.train_seconds * SECOND)}` : 'untrained',
        training: `training, ${Math.round((model.worker.progress ?? 0) * 100)}%`, failed: 'the last training failed' };
    show('version', model.version > 0 ? count(model.version) : 'none yet');
    show('version-more', working[model.worker.state]);
    show('accuracy', percent(model.held_out_accuracy));
    show('accuracy-more', model.held_out_accuracy === null ? 'no answers held out yet'
        : `of ${counted(model.held_out_labels, 'held-out answer')}`);
}

function showAll(seen) {
    const annotators = [...seen.stats.annotators].sort((a, b) => b.labels - a.labels);
    collectVersion(seen.model);
    collectSample(seen);
    showTiles(seen);
    drawAnswers(seen, annotators);
    drawCurve(seen.model);
    drawRetrains();
    drawBatches(seen.stats, seen.model);
    drawSamples();
    fillArms(seen.stats);
    fillAnnotators(seen, annotators);
    fillRoutes();
    showRetrains(seen.figures);
}

/* ---- the rounds ---- */

function showState(state, text) {
    element('live').dataset.state = state;
    show('live', text);
}

function showLive() {
    if (failures > 0) {
        show('status', 'The daemon answers again.');
    }
    if (document.activeElement === element('try-now')) {
        element('title').focus();
    }
    failures = 0;
    lastSeen = Date.now();
    element('alert').hidden = true;
    element('grid').classList.remove('stale');
    showState('live', `Live, seen at ${clock(lastSeen)}`);
}

function showDown(error, delay) {
    const since = lastSeen === null ? 'The daemon has not answered yet' : `No answer from the daemon since ${clock(lastSeen)}`;
    failures += 1;
    show('alert-text', `${since}: ${error.message}. Next try at ${clock(Date.now() + delay)}.`);
    if (failures === 1) {
        show('status', since);
    }
    element('alert').hidden = false;
    element('grid').classList.add('stale');
    showState('down', lastSeen === null ? 'No answer yet' : `No answer since ${clock(lastSeen)}`);
}

async function round() {
    const mine = ++turn;
    let delay = POLL_MS;
    clearTimeout(timer);
    const seen = await look().catch((error) => error);
    if (mine !== turn) {
        return; /* another range was chosen meanwhile, or the page was hidden */
    }
    if (seen.status === 401 || seen.status === 403) {
        /* Nothing is asked for again until somebody signs in. */
        showSignIn(seen.status === 403 ? 'The token that you signed in with has another role.' : '');
        return;
    }
    showSignedIn();
    if (seen instanceof Error) {
        delay = Math.min(BACKOFF_MAX_MS, POLL_MS * 2 ** failures);
        showDown(seen, delay);
    } else {
        showLive();
        showAll(seen);
    }
    timer = setTimeout(round, delay);
}

/* ---- who is here ---- */

const FIGURES = ['ranges', 'tiles', 'grid'];

function showSignIn(error) {
    const changed = element('sign-in').hidden;
    turn += 1;
    clearTimeout(timer);
    FIGURES.forEach((id) => { element(id).hidden = true; });
    element('alert').hidden = true;
    element('sign-in').hidden = false;
    element('token').value = '';
    show('sign-in-error', error);
    element('token').toggleAttribute('aria-invalid', error !== '');
    showState('waiting', 'Signed out');
    if (changed || error !== '') {
        element('token').focus();
    }
}

function showSignedIn() {
    if (!element('sign-in').hidden) {
        FIGURES.forEach((id) => { element(id).hidden = false; });
        element('sign-in').hidden = true;
        element('title').focus();
    }
}

/* A page that cannot tell who is here has no session to end either. */
async function showSignOut() {
    const { authentication } = await whoIsHere().catch(() => ({}));
    element('sign-out').hidden = authentication !== 'session';
    return authentication;
}

async function signIn(event) {
    event.preventDefault();
    try {
        await signInWith(element('token').value.trim());
    } catch (error) {
        showSignIn(`That did not work: ${error.message}.`);
        return;
    }
    element('token').value = '';
    await showSignOut();
    round();
}

async function signOut() {
    await endSession().catch(() => {});
    const authentication = await showSignOut();
    showSignIn(authentication === 'required' ? '' : 'The server cannot be told: the session goes on until it expires.');
}

function visibilityChanged() {
    if (!element('sign-in').hidden) {
        return;
    }
    if (document.hidden) {
        turn += 1;
        clearTimeout(timer);
        showState('waiting', lastSeen === null ? 'Paused' : `Paused, seen at ${clock(lastSeen)}`);
    } else {
        round();
    }
}

function choose(name) {
    range = RANGES[name];
    history.replaceState(null, '', `#${name}`);
    round();
}

const wanted = location.hash.slice(1) in RANGES ? location.hash.slice(1) : '1h';
for (const input of element('ranges').querySelectorAll('input')) {
    input.checked = input.value === wanted;
    input.addEventListener('change', () => choose(input.value));
}
element('try-now').addEventListener('click', round);
element('sign-in').addEventListener('submit', signIn);
element('sign-out').addEventListener('click', signOut);
document.addEventListener('visibilitychange', visibilityChanged);

/* Asked first, so that nobody is refused who has only not signed in yet. */
async function start() {
    if (await showSignOut() === 'required') {
        range = RANGES[wanted];
        showSignIn('');
    } else if (document.hidden) {
        visibilityChanged();
    } else {
        choose(wanted);
    }
}

start();
