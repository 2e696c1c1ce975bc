/* The annotator's page: reacts to the annotator, and keeps the state of the page. */

import { signInWith, signOut as endSession, getSession } from './sign_in.js';
import { Daemon } from './daemon.js';
import { actionOf } from './keys.js';
import { answerFromOtherTab, makeId, Outbox } from './outbox.js';
import { Pairs } from './pairs.js';
import { Progress } from './progress.js';
import * as remembered from './remembered.js';
import { scroll, watch as watchScrolling } from './scrolling.js';
import { Stopwatch } from './stopwatch.js';
import * as view from './label_view.js';

const UNDO_STEPS = 20;
const LEASE_CHECK_MS = 5_000;
const PROGRESS_MS = 20_000;
const IDLE_MS = 30 * 60_000;
/* After a pair is replaced, keys are ignored for this time: an answer to the old pair must not count for the new one. */
const SETTLE_MS = 800;
const STEP_IN_MS = 3_000;
const CHOSEN = { a: 'Left response chosen', b: 'Right response chosen', tie: 'Tie', skip: 'Skipped' };

const daemon = new Daemon();
const outbox = new Outbox({
    storage: localStorage,
    send: (entry) => daemon.send(entry),
    changed: showOutbox,
    unauthorised: askForToken,
});
const pairs = new Pairs(daemon, () => [...outbox.waiting, ...outbox.aside].map((entry) => entry.label), {
    arrived: showArrived,
    none: showNone,
    gone: loseCurrent,
    unauthorised: askForToken,
});
const progress = new Progress(daemon, outbox);

let annotator = '';
let visitor = { role: null, name: null, authentication: 'none' };
let current = null;
let history = [];
let given = 0;
const onView = new Stopwatch();
let ignoreUntil = 0;
let lastTouch = Date.now();
let none = null;
let resumeId = null;
let stepInTimer = null;

/* Takes the token, if the daemon needs one; otherwise the name. */
async function signIn(event) {
    event.preventDefault();
    if (visitor.authentication === 'required') {
        await useToken(view.elements.token.value.trim());
        return;
    }
    const name = view.elements.name.value.trim();
    if (name === '' || name.length > 100) {
        view.refuseSignIn('Please enter a name of 1 to 100 characters.', view.elements.name);
        return;
    }
    begin(name);
}

async function useToken(token) {
    if (token === '') {
        view.refuseSignIn('Please enter the access token that you were given.', view.elements.token);
        return;
    }
    try {
        visitor = await signInWith(token);
    } catch (error) {
        view.refuseSignIn(`That did not work: ${error.message}.`, view.elements.token);
        return;
    }
    view.elements.token.value = '';
    enter();
}

/* Starts under the token's name, or under the name that this browser remembers. */
function enter() {
    const name = visitor.role === 'annotator' ? visitor.name : remembered.name();
    if (visitor.authentication === 'required' || name === '') {
        view.showSignIn({ name, needsToken: visitor.authentication === 'required' });
    } else {
        begin(name);
    }
}

function begin(name) {
    remembered.setName(name);
    view.showNotice('');
    annotator = name;
    current = null;
    none = null;
    ({ given, history, currentId: resumeId } = remembered.load(name));
    progress.start(name, visitor.role !== 'annotator');
    view.showError('');
    view.allowUndo(history.length > 0);
    view.showMessage({ title: 'Fetching pairs…', busy: true });
    pairs.start(name);
    outbox.signIn(name);
    progress.update();
}

async function signOut() {
    const handedBack = pairs.handBack();
    const { authentication } = visitor;
    const unsent = outbox.waiting.length + outbox.aside.length;
    const who = annotator;
    annotator = '';
    current = null;
    outbox.signOut();
    view.showNotice(unsent === 0 ? '' : `${view.answers(unsent)} of ${who} ${unsent === 1 ? 'is' : 'are'} not sent yet. `
        + `This browser keeps ${unsent === 1 ? 'it' : 'them'} until ${who} signs in here again.`);
    progress.stop();
    remembered.forget();
    if (authentication === 'session') {
        /* Handing back needs the session. */
        await handedBack;
        visitor = { role: null, name: null, authentication: 'required' };
    }
    const ended = authentication !== 'session' || await endSession().then(() => true, () => false);
    const error = ended ? '' : 'The server cannot be reached: close the browser, or the session goes on until it expires.';
    view.showSignIn({ name: '', needsToken: visitor.authentication === 'required', error });
    view.announce('Signed out.');
}

/* Once there is a token, the page continues where it was. */
function askForToken(error) {
    if (annotator === '') {
        return;
    }
    const why = error.status === 403 ? `This token may not do that: ${error.message}.`
        : visitor.authentication === 'session' ? 'Your session is over. Please enter your access token again.'
            : 'This server asks for an access token.';
    visitor = { role: null, name: null, authentication: 'required' };
    saveState();
    pairs.stop();
    outbox.signOut();
    view.showSignIn({ name: annotator, needsToken: true, error: why });
    annotator = '';
}

function saveState() {
    const held = [current, ...pairs.upcoming].filter((pair) => pair !== null);
    const steps = [...history, ...held.filter((pair) => pair.labelId)].slice(-UNDO_STEPS);
    const currentId = held.find((pair) => !pair.labelId)?.id ?? null;
    remembered.save({ name: annotator, given, currentId, history: steps });
}

function next() {
    const preferred = resumeId;
    resumeId = null;
    show(pairs.take(preferred));
}

function show(pair) {
    current = pair;
    view.allowUndo(history.length > 0);
    saveState();
    if (pair === null) {
        showNone(none);
        return;
    }
    pair.number ??= given + 1;
    onView.start(document.hidden);
    view.showPair(pair);
}

function showArrived() {
    none = null;
    if (current === null) {
        next();
    }
}

function showNone(state) {
    none = state;
    if (annotator === '' || current !== null) {
        return;
    }
    if (state === null) {
        view.showMessage({ title: 'Fetching pairs…', busy: true });
    } else if (state.failed) {
        view.showMessage({ title: 'No pair could be fetched', text: `Reason: ${state.reason}` });
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
    if (!view.isOnScreen(current) || annotator === '' || performance.now() < ignoreUntil) {
        return;
    }
    try {
        keep(preference);
    } catch (error) {
        view.showError(`This browser could not keep your answer (${error.message}). Free some storage and choose again.`);
        return;
    }
    view.showError('');
    view.showNotice('');
    view.announce(`Pair ${current.number}. ${CHOSEN[preference]}.`);
    history = [...history, { ...current, preference }].slice(-UNDO_STEPS);
    next();
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
        duration_ms: Math.round(onView.milliseconds),
    });
    current.labelId = id;
    given += 1;
    progress.count();
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

/* Goes forward after an undo: the answer stays as it was. */
function redo() {
    if (!current?.labelId) {
        view.announce('There is nothing to go forward to.');
        return;
    }
    history = [...history, current].slice(-UNDO_STEPS);
    next();
    view.announce(current === null ? 'At the end.' : `Forward to pair ${current.number}.`);
}

/* A pair whose lease ended stays as long as nobody else has it. */
function loseCurrent() {
    replaceCurrent('The time for the pair that you were reading was over, and somebody else has it now. This is another pair.');
}

function replaceCurrent(why) {
    ignoreUntil = performance.now() + SETTLE_MS;
    next();
    view.showNotice(why);
}

function showOutbox() {
    view.showOutbox(outbox.waiting.length, outbox.aside);
}

function onKey(event) {
    const action = actionOf(event);
    /* Keys without a pair on view belong to the browser. */
    if (action === null || annotator === '' || (current === null && action !== 'help' && action !== 'undo')) {
        return;
    }
    event.preventDefault();
    if (action === 'help') {
        view.openHelp();
    } else if (action === 'plain') {
        view.togglePlain();
    } else if (action === 'together') {
        view.toggleTogether();
    } else if (scroll(action)) {
        lastTouch = Date.now();
    } else if (action === 'undo') {
        undo();
    } else if (action === 'redo') {
        redo();
    } else {
        answer(action);
    }
}

function onStorage(event) {
    const label = answerFromOtherTab(event);
    showOutbox();
    /* The tab with the answer sends it. If that tab was closed, this one sends it after a while. */
    clearTimeout(stepInTimer);
    stepInTimer = setTimeout(() => outbox.drain(), STEP_IN_MS);
    if (label !== null && label.annotator === annotator && pairs.forget(label.a, label.b)) {
        replaceCurrent('The pair that you were reading was answered in another tab. This is another pair.');
    }
}

/* An abandoned page lets its leases expire, so that other annotators get the pairs. */
function keepLeases() {
    if (annotator !== '' && !document.hidden && Date.now() - lastTouch < IDLE_MS) {
        pairs.keepLeases();
    }
}

function onReturn() {
    outbox.resume();
    if (annotator !== '' && !document.hidden) {
        keepLeases();
        progress.update();
    }
}

function listen() {
    const { elements } = view;
    elements.signIn.addEventListener('submit', signIn);
    elements.signOut.addEventListener('click', signOut);
    elements.openHelp.addEventListener('click', view.openHelp);
    elements.undo.forEach((button) => button.addEventListener('click', undo));
    elements.noticeClose.addEventListener('click', () => view.showNotice(''));
    elements.plain.addEventListener('click', view.togglePlain);
    elements.together.addEventListener('click', view.toggleTogether);
    watchScrolling();
    elements.lookAgain.addEventListener('click', () => pairs.refill());
    elements.asideAgain.addEventListener('click', () => outbox.sendAsideAgain());
    elements.asideDiscard.addEventListener('click', () => outbox.discardAside());
    for (const button of elements.answers) {
        /* The second click of a double click would answer the next pair unread. */
        button.addEventListener('click', (event) => event.detail > 1 || answer(button.dataset.preference));
    }
    for (const type of ['keydown', 'pointerdown']) {
        document.addEventListener(type, () => { lastTouch = Date.now(); }, { capture: true });
    }
    document.addEventListener('keydown', onKey);
    document.addEventListener('visibilitychange', () => onView.setHidden(document.hidden));
    document.addEventListener('visibilitychange', onReturn);
    window.addEventListener('storage', onStorage);
    window.addEventListener('online', () => {
        onReturn();
        pairs.refill();
    });
    setInterval(keepLeases, LEASE_CHECK_MS);
    setInterval(() => progress.update(), PROGRESS_MS);
    setInterval(tickRetry, 1000);
}

async function start() {
    listen();
    showOutbox();
    /* If the daemon cannot be reached, a later call will ask for the token if it is needed. */
    visitor = await getSession().catch(() => visitor);
    enter();
}

start();
