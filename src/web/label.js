/* The annotator's page: what a person does, and what follows from it. */

import { Daemon } from './daemon.js';
import { answerFromOtherTab, makeId, Outbox } from './outbox.js';
import { Pairs } from './pairs.js';
import * as view from './view.js';

const NAME = 'fisherd.name';
const TOKEN = 'fisherd.token';
const SESSION = 'fisherd.session';
const UNDO_STEPS = 20;
const RATE_WINDOW_MS = 5 * 60_000;
const LEASE_CHECK_MS = 5_000;
const PROGRESS_MS = 20_000;
const IDLE_MS = 30 * 60_000;
/* A pair that comes without being asked for must not take the answer meant for the one before. */
const SETTLE_MS = 800;
const KEYS = { ArrowLeft: 'a', 1: 'a', ArrowRight: 'b', 2: 'b', 0: 'tie', ' ': 'skip' };
const CHOSEN = { a: 'Left response chosen', b: 'Right response chosen', tie: 'Tie', skip: 'Skipped' };

const daemon = new Daemon();
const outbox = new Outbox({
    storage: localStorage,
    send: (entry) => daemon.send(entry),
    changed: showOutbox,
    unauthorised: askForToken,
});
const pairs = new Pairs(daemon, () => [...outbox.waiting, ...outbox.aside].map((entry) => entry.label), {
    arrived: () => current ?? next(),
    none: showNone,
    gone: loseCurrent,
    unauthorised: askForToken,
});

let annotator = '';
let current = null;
let history = [];
let given = 0;
let answerTimes = [];
let counted = { own: 0, total: null, givenThen: 0 };
let shownAt = 0;
let ignoreUntil = 0;
let lastTouch = Date.now();
let none = null;

function signIn(event) {
    event.preventDefault();
    const name = view.elements.name.value.trim();
    if (name.length < 1 || name.length > 100) {
        view.refuseSignIn('Please enter a name of 1 to 100 characters.', view.elements.name);
        return;
    }
    daemon.token = view.elements.token.value.trim();
    sessionStorage.setItem(TOKEN, daemon.token);
    localStorage.setItem(NAME, name);
    begin(name);
}

function begin(name) {
    annotator = name;
    current = null;
    none = null;
    restoreSession();
    counted = { own: given, total: null, givenThen: given };
    view.showError('');
    view.allowUndo(history.length > 0);
    view.showMessage({ title: 'Fetching pairs…', busy: true });
    pairs.start(name);
    outbox.resume();
    updateProgress();
}

function signOut() {
    pairs.stop();
    annotator = '';
    current = null;
    history = [];
    answerTimes = [];
    given = 0;
    daemon.token = '';
    localStorage.removeItem(NAME);
    sessionStorage.removeItem(TOKEN);
    sessionStorage.removeItem(SESSION);
    view.showModel(null);
    view.elements.token.value = '';
    view.showSignIn({ name: '', needsToken: false });
    view.announce('Signed out.');
}

/* The pairs stay: with a token the page goes on where it was. */
function askForToken(error) {
    if (annotator === '') {
        return;
    }
    const refused = error.status === 403 || daemon.token !== '';
    const name = annotator;
    annotator = '';
    saveSession(name);
    view.showSignIn({
        name,
        needsToken: true,
        error: refused ? `The token was not accepted: ${error.message}` : 'This server asks for an access token.',
    });
}

/* sessionStorage, for each tab has its own pairs to go back to. */
function saveSession(name = annotator) {
    const undone = [current, ...pairs.upcoming].filter((pair) => pair?.labelId);
    const session = { name, given, currentId: current?.id, history: [...history, ...undone].slice(-UNDO_STEPS) };
    try {
        sessionStorage.setItem(SESSION, JSON.stringify(session));
    } catch {
        /* Too long to keep: undo then ends at the next reload, and no answer is lost. */
        sessionStorage.removeItem(SESSION);
    }
}

let resumeId = null;

function restoreSession() {
    const session = JSON.parse(sessionStorage.getItem(SESSION) ?? 'null');
    const mine = session?.name === annotator ? session : null;
    given = mine?.given ?? 0;
    history = mine?.history ?? [];
    resumeId = mine?.currentId ?? null;
}

function next() {
    const upcoming = pairs.take(resumeId);
    resumeId = null;
    show(upcoming);
}

function show(pair) {
    current = pair;
    view.allowUndo(history.length > 0);
    saveSession();
    if (pair === null) {
        showNone(none);
        return;
    }
    pair.number ??= given + 1;
    shownAt = performance.now();
    view.showPair(pair);
}

function showNone(state) {
    none = state;
    if (annotator === '' || current !== null) {
        return;
    }
    if (state === null) {
        view.showMessage({ title: 'Fetching pairs…', busy: true });
    } else if (state.failed) {
        view.showMessage({ title: 'No pair could be fetched', text: `Reason: ${state.reason}.` });
    } else {
        view.showMessage({ title: 'Nothing to compare right now', text: state.reason || 'Thank you! New pairs may come soon.' });
    }
    tickRetry();
}

function tickRetry() {
    if (annotator !== '' && current === null && none !== null) {
        view.showRetry(none.retryAt - Date.now());
    }
}

function answer(preference) {
    if (current === null || annotator === '' || performance.now() < ignoreUntil) {
        return;
    }
    try {
        keep(preference);
    } catch (error) {
        view.showError(`This browser could not keep your answer (${error.message}). Free some storage and choose again.`);
        return;
    }
    view.showError('');
    view.announce(`Pair ${current.number}. ${CHOSEN[preference]}.`);
    history = [...history, { ...current, preference }].slice(-UNDO_STEPS);
    next();
    showProgress();
}

function keep(preference) {
    if (current.labelId) {
        if (preference !== current.preference) {
            outbox.correct(current.labelId, preference);
        }
        return;
    }
    const id = makeId();
    outbox.add({
        id,
        a: current.a.id,
        b: current.b.id,
        preference,
        annotator,
        assignment: current.id,
        duration_ms: Math.round(performance.now() - shownAt),
    });
    current.labelId = id;
    given += 1;
    answerTimes.push(Date.now());
}

function undo() {
    const earlier = history.pop();
    if (earlier === undefined) {
        view.announce('There is nothing to undo.');
        return;
    }
    pairs.goBackTo(earlier);
    show(earlier);
    view.announce(`Back at pair ${earlier.number}. ${CHOSEN[earlier.preference]} before.`);
}

/* While somebody is reading a pair it stays, for its answer counts; a lease long over is let go. */
function loseCurrent(expired) {
    if (expired) {
        ignoreUntil = performance.now() + SETTLE_MS;
        next();
        view.announce('The time for that pair was over; here is another.');
    }
}

function showOutbox() {
    view.showOutbox(outbox.waiting.length, outbox.aside);
}

function rate() {
    const now = Date.now();
    answerTimes = answerTimes.filter((time) => time > now - RATE_WINDOW_MS);
    if (answerTimes.length < 2) {
        return null;
    }
    return (answerTimes.length - 1) / Math.max(1 / 60, (now - answerTimes[0]) / 60_000);
}

function showProgress() {
    const since = given - counted.givenThen;
    const total = counted.total === null ? null : counted.total + since;
    view.showProgress({ own: counted.own + since, total, rate: rate() });
}

/* Neither call is needed to work, so their failures are not shown. */
async function updateProgress() {
    if (annotator === '' || document.hidden) {
        return;
    }
    const name = annotator;
    const givenThen = given;
    const unsent = outbox.waiting.filter((entry) => entry.method === 'POST' && entry.label.annotator === name).length;
    const [model, stats] = await Promise.all([
        daemon.model().catch(() => null),
        daemon.stats(name).catch(() => null),
    ]);
    if (annotator !== name) {
        return;
    }
    if (model !== null) {
        view.showModel(model);
    }
    if (stats !== null) {
        const mine = stats.annotators?.find((row) => row.annotator === name)?.labels ?? 0;
        counted = { own: mine + unsent, total: stats.labels + unsent, givenThen };
    }
    showProgress();
}

function onKey(event) {
    const typing = event.target.closest?.('input, textarea, select, [contenteditable]');
    if (typing || event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.isComposing
        || annotator === '' || view.elements.help.open) {
        return;
    }
    /* Digits need shift on some keyboards; with the others it means something of the browser's. */
    if (event.shiftKey && event.key.length > 1) {
        return;
    }
    /* The space bar presses the button that has the focus. */
    if (event.key === ' ' && (event.shiftKey || event.target.closest?.('button'))) {
        return;
    }
    const action = event.key === '?' ? openHelp : event.key.toLowerCase() === 'u' ? undo : null;
    if (action === null && !(event.key in KEYS)) {
        return;
    }
    event.preventDefault();
    (action ?? (() => answer(KEYS[event.key])))();
}

function openHelp() {
    view.elements.help.showModal();
}

function onStorage(event) {
    const label = answerFromOtherTab(event);
    outbox.drain();
    if (label?.assignment && pairs.forget(label.assignment, label.a, label.b)) {
        ignoreUntil = performance.now() + SETTLE_MS;
        next();
        view.announce('Answered in another tab; here is the next pair.');
    }
}

/* An abandoned page lets its leases run out, so that others get the pairs. */
function keepLeases() {
    if (annotator !== '' && !document.hidden && Date.now() - lastTouch < IDLE_MS) {
        pairs.keepLeases();
    }
}

function onReturn() {
    outbox.resume();
    if (annotator !== '' && !document.hidden) {
        keepLeases();
        updateProgress();
    }
}

function listen() {
    const { elements } = view;
    elements.signIn.addEventListener('submit', signIn);
    elements.signOut.addEventListener('click', signOut);
    elements.openHelp.addEventListener('click', openHelp);
    elements.undo.forEach((button) => button.addEventListener('click', undo));
    elements.lookAgain.addEventListener('click', () => pairs.refill());
    elements.asideAgain.addEventListener('click', () => outbox.sendAsideAgain());
    elements.asideDiscard.addEventListener('click', () => outbox.discardAside());
    for (const button of elements.answers) {
        /* The second half of a double click would answer a pair that nobody has read. */
        button.addEventListener('click', (event) => event.detail > 1 || answer(button.dataset.preference));
    }
    for (const type of ['keydown', 'pointerdown']) {
        document.addEventListener(type, () => { lastTouch = Date.now(); }, { capture: true });
    }
    document.addEventListener('keydown', onKey);
    document.addEventListener('visibilitychange', onReturn);
    window.addEventListener('storage', onStorage);
    window.addEventListener('online', () => {
        onReturn();
        pairs.refill();
    });
    setInterval(keepLeases, LEASE_CHECK_MS);
    setInterval(updateProgress, PROGRESS_MS);
    setInterval(tickRetry, 1000);
}

function start() {
    listen();
    showOutbox();
    daemon.token = sessionStorage.getItem(TOKEN) ?? '';
    const name = localStorage.getItem(NAME) ?? '';
    if (name === '') {
        outbox.drain();
        view.showSignIn({ name, needsToken: false });
    } else {
        begin(name);
    }
}

start();
