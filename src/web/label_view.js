/* Shows the annotator's page: each function shows one thing and decides nothing. */

import { LONGEST, render } from './richtext.js';
import * as scrolling from './scrolling.js';
import { splitTurns } from './turns.js';

const byId = (id) => document.getElementById(id);
const WORDS = { a: 'the left response', b: 'the right response', tie: 'a tie', skip: 'to skip' };
const SCREENS = ['sign-in', 'message', 'pair'];

const format = new Intl.NumberFormat('en');
const formatRate = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });

export const elements = {
    signIn: byId('sign-in'),
    name: byId('name'),
    token: byId('token'),
    signOut: byId('sign-out'),
    openHelp: byId('open-help'),
    undo: [byId('undo'), byId('message-undo')],
    noticeClose: byId('notice-close'),
    plain: byId('plain'),
    together: byId('together'),
    lookAgain: byId('look-again'),
    asideAgain: byId('aside-again'),
    asideDiscard: byId('aside-discard'),
    answers: document.querySelectorAll('[data-preference]'),
};

function showScreen(name) {
    SCREENS.forEach((screen) => { byId(screen).hidden = screen !== name; });
    byId('sign-out').hidden = name === 'sign-in';
    byId('progress').hidden = name === 'sign-in';
}

/* A new element each time, so that screen readers announce the same words again. */
function line(text) {
    const made = document.createElement('p');
    made.textContent = text;
    return made;
}

export function showSignIn({ name, needsToken, error = '' }) {
    showScreen('sign-in');
    elements.name.value = name;
    byId('name-field').hidden = needsToken;
    byId('token-field').hidden = !needsToken;
    elements.token.value = '';
    refuseSignIn(error, needsToken ? elements.token : elements.name);
}

/* Moves the focus to the field that must be changed. */
export function refuseSignIn(error, field) {
    byId('sign-in-error').textContent = error;
    [elements.name, elements.token].forEach((input) => input.removeAttribute('aria-invalid'));
    if (error) {
        field.setAttribute('aria-invalid', 'true');
    }
    field.focus();
}

/* The pair whose texts are all on the screen, and their elements. */
let onScreen = null;
let bodies = [];

/* Only then may it be answered. */
export function isOnScreen(pair) {
    return pair !== null && pair === onScreen && !byId('pair').hidden && bodies.every((body) => body.isConnected);
}

function setOnScreen(pair) {
    onScreen = pair;
    elements.answers.forEach((button) => { button.disabled = pair === null; });
}

/* Parts of a long text, whose layout waits until they are scrolled to; they end with a line or a word if they can. */
const PART = 5_000;

function partsOf(text) {
    const parts = [];
    for (let from = 0; from < text.length;) {
        const part = text.slice(from, from + PART);
        const end = from + PART >= text.length ? part.length
            : [part.lastIndexOf('\n'), part.lastIndexOf(' '), PART - 2].find((at) => at > PART / 2) + 1;
        parts.push(part.slice(0, end));
        from += end;
    }
    return parts;
}

function plainBody(text) {
    const body = document.createElement('pre');
    body.className = 'body plain';
    body.dir = 'auto';
    body.append(...partsOf(text).map((part) => {
        const made = document.createElement('div');
        made.textContent = part;
        return made;
    }));
    return body;
}

/* Set by the annotator: texts are shown exactly as they are. */
let isPlain = false;

/* A text that cannot be built as Markdown, or would take long, is shown as it is. */
function bodyOf(text, under) {
    if (isPlain || text.length > LONGEST) {
        return plainBody(text);
    }
    try {
        const body = document.createElement('div');
        body.className = 'body';
        body.append(render(text, under));
        return body;
    } catch (error) {
        console.warn(`a text is shown as plain text: ${error.message}`);
        return plainBody(text);
    }
}

function emptyBody(words) {
    const body = document.createElement('p');
    body.className = 'body faint';
    body.textContent = words;
    return body;
}

/* Earlier turns fold away above the newest one. */
function promptBody(text) {
    const { earlier, newest } = splitTurns(text);
    if (earlier.length === 0 || isPlain) {
        return bodyOf([...earlier, newest].join(''), 1);
    }
    const body = document.createElement('div');
    const fold = document.createElement('details');
    const summary = document.createElement('summary');
    body.className = 'turns';
    summary.textContent = earlier.length === 1 ? '1 earlier turn' : `${format.format(earlier.length)} earlier turns`;
    fold.append(summary, ...earlier.map((turn) => bodyOf(turn, 1)));
    body.append(fold, bodyOf(newest, 1));
    return body;
}

function fill(id, text, under) {
    const isEmpty = (text ?? '').trim() === '';
    const body = isEmpty ? emptyBody(id === 'prompt' ? '(empty prompt)' : '(empty response)')
        : id === 'prompt' ? promptBody(text) : bodyOf(text, under);
    const panel = byId(id);
    panel.replaceChildren(body);
    panel.scrollTop = 0;
    return body;
}

/* pair: an assignment with its number and, if it was answered before, that preference. */
export function showPair(pair) {
    showScreen('pair');
    byId('pair-title').textContent = `Pair ${format.format(pair.number)}`;
    showEarlier(pair.preference);
    showTexts(pair);
    window.scrollTo(0, 0);
    /* The focus leaves the last button, where the space bar would press it again instead of scrolling. */
    byId('pair-title').focus({ preventScroll: true });
}

/* Formatted or exactly as the texts are, for the pair on view and all that follow. */
export function togglePlain() {
    isPlain = !isPlain;
    elements.plain.setAttribute('aria-pressed', String(isPlain));
    if (onScreen !== null) {
        showTexts(onScreen);
    }
    announce(isPlain ? 'Plain text.' : 'Formatted text.');
}

function showTexts(pair) {
    setOnScreen(null);
    ['prompt', 'text-a', 'text-b'].forEach((id) => byId(id).replaceChildren());
    bodies = [fill('prompt', pair.a.prompt ?? pair.b.prompt, 1), fill('text-a', pair.a.response, 2),
        fill('text-b', pair.b.response, 2)];
    setOnScreen(pair);
    scrolling.measure();
}

export function toggleTogether() {
    const isTogether = scrolling.toggleTogether();
    elements.together.setAttribute('aria-pressed', String(isTogether));
    announce(isTogether ? 'Both responses scroll together.' : 'Each response scrolls alone.');
}

function showEarlier(preference) {
    byId('earlier').hidden = preference === undefined;
    byId('earlier').textContent = `You chose ${WORDS[preference]}. Choose again; the same answer keeps it.`;
    ['a', 'b'].forEach((side) => byId(`panel-${side}`).classList.toggle('was', preference === side));
    elements.answers.forEach((button) => button.classList.toggle('was', button.dataset.preference === preference));
}

/* busy: there is nothing to press yet. */
export function showMessage({ title, text = '', busy = false }) {
    const changed = byId('message').hidden || byId('message-title').textContent !== title;
    showScreen('message');
    byId('message-title').textContent = title;
    byId('message-text').textContent = text;
    byId('message-when').textContent = '';
    byId('message-actions').hidden = busy;
    if (changed && !busy) {
        byId('message-title').focus();
    }
}

export function showRetry(milliseconds) {
    const seconds = Math.max(1, Math.ceil(milliseconds / 1000));
    byId('message-when').textContent = `Looking again in ${seconds} ${seconds === 1 ? 'second' : 'seconds'}.`;
}

export function openHelp() {
    byId('help').showModal();
}

export function allowUndo(allowed) {
    elements.undo.forEach((button) => { button.disabled = !allowed; });
}

export function announce(text) {
    byId('status').replaceChildren(line(text));
}

export function showError(text) {
    byId('alerts').replaceChildren(...(text ? [line(text)] : []));
}

/* Stays until the next answer: what happened without the annotator's doing. */
export function showNotice(text) {
    byId('notice').hidden = text === '';
    if (text !== '') {
        byId('notice-text').textContent = text;
        announce(text);
    }
}

export function answers(count) {
    return count === 1 ? '1 answer' : `${format.format(count)} answers`;
}

export function showOutbox(waiting, aside) {
    byId('waiting').hidden = waiting === 0;
    byId('waiting').textContent = `${answers(waiting)} waiting to be sent`;
    byId('aside').hidden = aside.length === 0;
    const text = `${answers(aside.length)} not accepted by the server: ${aside.at(-1)?.reason}`;
    if (byId('aside-text').textContent !== text && aside.length > 0) {
        announce(text);
    }
    byId('aside-text').textContent = text;
}

/* own, total and rate are null if unknown. */
export function showProgress({ name, today, own, total, rate }) {
    byId('who').textContent = name;
    byId('today').textContent = format.format(today);
    byId('own-cell').hidden = own === null;
    byId('own').textContent = format.format(own ?? 0);
    byId('total-cell').hidden = total === null;
    byId('total').textContent = format.format(total ?? 0);
    byId('rate').textContent = rate === null ? '–' : formatRate.format(rate);
}

export function showModel(model) {
    byId('model').textContent = model === null ? '' : sentence(model);
}

function sentence(model) {
    if (!model.version) {
        return 'The model has not learned from any answer yet.';
    }
    return `Model ${model.version} has learned from ${answers(model.labels ?? 0)}.`;
}
