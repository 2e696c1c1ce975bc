/* The operators' page: asks the daemon every few seconds and shows what it says. */

import { drawCharts } from './ops_charts.js';
import { clock, DAY, HOUR, MINUTE, SECOND } from './ops_format.js';
import { History, POLL_MS } from './ops_history.js';
import { fillTables } from './ops_tables.js';
import { element, show } from './page.js';
import { parse } from './prometheus.js';
import { refusal, SignInForm } from './sign_in_form.js';

const BACKOFF_MAX_MS = MINUTE;
const TIMEOUT_MS = 10 * SECOND;

/* Buckets begin at round times, so that each bar keeps its meaning from one look to the next. */
const RANGES = {
    '15m': { name: '15 minutes', ms: 15 * MINUTE, buckets: 60 },
    '1h': { name: 'hour', ms: HOUR, buckets: 60 },
    '24h': { name: '24 hours', ms: DAY, buckets: 48 },
    '7d': { name: '7 days', ms: 7 * DAY, buckets: 56 },
};

let range = RANGES['1h'];
let turn = 0;
let timer = null;
let failures = 0;
let lastSeen = null;
let clockAhead = 0;
const collected = new History();

/* ---- calls ---- */

async function get(path) {
    const response = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) })
        .catch(() => Promise.reject(new Error('it cannot be reached')));
    if (!response.ok) {
        const problem = await response.json().catch(() => ({}));
        throw Object.assign(new Error(`it says ${response.status}, ${problem.detail ?? response.statusText}`),
            { status: response.status });
    }
    /* The page follows the daemon's clock, because the browser's may be wrong by hours. The daemon sends
     * whole seconds: a difference below one second is ignored, or time would run backwards. */
    const ahead = Date.parse(response.headers.get('Date') ?? '') + SECOND / 2 - Date.now();
    clockAhead = Math.abs(ahead - clockAhead) > SECOND ? ahead : clockAhead;
    return response;
}

async function look() {
    const [model, metrics] = await Promise.all([
        get('/v1/model').then((response) => response.json()),
        get('/metrics').then((response) => response.text()),
    ]);
    const now = Date.now() + clockAhead;
    const bucket = range.ms / range.buckets;
    const to = Math.floor(now / bucket) * bucket + bucket;
    const stats = await get(`/v1/stats?from=${to - range.ms}&to=${to}&buckets=${range.buckets}`)
        .then((response) => response.json());
    return { now, range, bucket, model, stats, metrics: parse(metrics) };
}

function showAll(seen) {
    const annotators = [...seen.stats.annotators].sort((a, b) => b.labels - a.labels);
    collected.collect(seen);
    drawCharts(seen, annotators, collected);
    fillTables(seen, annotators, collected);
}

/* ---- the loop ---- */

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
        return; /* meanwhile another range was chosen, or the page was hidden */
    }
    if (seen.status === 401 || seen.status === 403) {
        /* The page waits until somebody signs in. */
        signIn.open(refusal(seen.status));
        return;
    }
    signIn.close();
    if (seen instanceof Error) {
        delay = Math.min(BACKOFF_MAX_MS, POLL_MS * 2 ** failures);
        showDown(seen, delay);
    } else {
        showLive();
        showAll(seen);
    }
    timer = setTimeout(round, delay);
}

/* ---- signing in ---- */

const signIn = new SignInForm({
    content: ['ranges', 'tiles', 'grid'],
    onSignedIn: round,
    onSignedOut: () => {
        turn += 1;
        clearTimeout(timer);
        element('alert').hidden = true;
        showState('waiting', 'Signed out');
    },
});

function visibilityChanged() {
    if (signIn.isOpen) {
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

const wanted = Object.hasOwn(RANGES, location.hash.slice(1)) ? location.hash.slice(1) : '1h';
for (const input of element('ranges').querySelectorAll('input')) {
    input.checked = input.value === wanted;
    input.addEventListener('change', () => choose(input.value));
}
element('try-now').addEventListener('click', round);
document.addEventListener('visibilitychange', visibilityChanged);

/* Asks for the session first, so that a visitor who has not signed in sees no error. */
async function start() {
    if (await signIn.look() === 'required') {
        range = RANGES[wanted];
        signIn.open('');
    } else if (document.hidden) {
        visibilityChanged();
    } else {
        choose(wanted);
    }
}

start();
