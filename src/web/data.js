/* The data page: sends files to the daemon, and downloads answers, the dataset card and the model. */

import { count, counted, duration } from './ops_format.js';
import { element, html, show } from './page.js';
import { refusal, SignInForm } from './sign_in_form.js';
import { fetchFile, fetchLabels, formats, save, sendFile } from './transfers.js';

const ENDINGS = { csv: 'csv', default: 'jsonl' };
const signIn = new SignInForm({ content: ['grid'], onSignedIn: () => signIn.close() });

/* Returns whether the error was for want of a token, so that the form for it is open now. */
function asksToSignIn(error) {
    const asks = error.status === 401 || error.status === 403;
    if (asks) {
        signIn.open(refusal(error.status));
    }
    return asks;
}

/* ---- in ---- */

let stopper = null;

const sentence = ({ items, labels }, isDry) => [
    `${counted(items.created, 'item')} ${isDry ? 'would be added' : 'added'}`,
    ...items.unchanged ? [`${count(items.unchanged)} there already`] : [],
    ...items.refused ? [`${count(items.refused)} refused`] : [],
    `${counted(labels.accepted, 'answer')} ${isDry ? 'would be added' : 'added'}`,
    ...labels.duplicates ? [`${count(labels.duplicates)} there already`] : [],
    ...labels.refused ? [`${count(labels.refused)} refused`] : [],
].join(', ');

const refusalLine = ({ line, pointer, detail }) => `${line ? `Line ${count(line)}: ` : ''}${detail}${pointer ? ` (${pointer})` : ''}`;

function showOutcome(file, outcome, isDry, error) {
    const lines = [...outcome?.warnings ?? [], ...(outcome?.errors ?? []).map(refusalLine)];
    const said = outcome ? `${sentence(outcome, isDry)}.${outcome.format ? ` Format: ${outcome.format}.` : ''}` : '';
    const part = html('div', { class: 'outcome' },
        html('h3', {}, file.name),
        ...error ? [html('p', { class: 'error' }, `It ended early: ${error.message}.`)] : [],
        ...said ? [html('p', {}, said)] : [],
        ...lines.length > 0 ? [html('ul', {}, ...lines.map((line) => html('li', {}, line)))] : []);
    element('outcomes').append(part);
    show('status', `${file.name}: ${error ? error.message : said}`);
}

function showGoing(file, begin) {
    return (share) => {
        const left = share > 0 ? (Date.now() - begin) * (1 / share - 1) : null;
        element('sent').value = share;
        show('going-text', share < 1 ? `${file.name}: ${Math.floor(share * 100)} % sent${left === null ? '' : `, about ${duration(left)} left`}`
            : `${file.name}: sent; the daemon works on the rest`);
    };
}

function setGoing(isGoing) {
    for (const id of ['import-start', 'import-try']) {
        element(id).disabled = isGoing;
    }
    element('import-stop').hidden = !isGoing;
    element('going').hidden = !isGoing;
}

/* Returns whether to go on with the next file. */
async function bringInOne(file, settings) {
    try {
        const goOn = showGoing(file, Date.now());
        goOn(0);
        showOutcome(file, await sendFile(file, settings, goOn, stopper.signal), settings.isDry);
        return true;
    } catch (error) {
        if (error.name === 'AbortError') {
            show('import-error', 'Stopped. What was added stays; to send the file again adds the rest.');
        } else if (!asksToSignIn(error)) {
            showOutcome(file, error.outcome, settings.isDry, error);
        }
        return error.name !== 'AbortError' && error.outcome !== undefined;
    }
}

async function bringIn(event) {
    event.preventDefault();
    const files = [...element('files').files];
    const settings = { format: element('import-format').value, map: element('map').value.replaceAll(' ', ''),
        isDry: event.submitter?.value === 'dry' };
    show('import-error', files.length === 0 ? 'Choose a file first.' : '');
    if (files.length === 0) {
        element('files').focus();
        return;
    }
    element('outcomes').replaceChildren();
    stopper = new AbortController();
    setGoing(true);
    let goesOn = true;
    for (let i = 0; i < files.length && goesOn; i++) {
        goesOn = await bringInOne(files[i], settings);
    }
    setGoing(false);
}

function drop(event) {
    event.preventDefault();
    element('drop').classList.remove('over');
    if (event.dataTransfer.files.length > 0) {
        element('files').files = event.dataTransfer.files;
    }
}

/* ---- out ---- */

async function takeOut(button, work) {
    element(button).disabled = true;
    show('export-error', '');
    show('export-done', '');
    try {
        await work();
    } catch (error) {
        if (!asksToSignIn(error)) {
            show('export-error', `That did not work: ${error.message}.`);
        }
    }
    element(button).disabled = false;
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

function say(text) {
    show('export-done', text);
    show('status', text);
}

async function takeLabels() {
    const format = element('export-format').value;
    const wanted = { format, arm: element('arm').value, ties: element('ties').value, annotator: element('annotator').value };
    const given = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== ''));
    const blob = await fetchLabels(given, (bytes) => show('export-done', `${megabytes(bytes)} so far…`));
    if (blob.size === 0) {
        say('There are no such answers yet.');
        return;
    }
    save(blob, `fisherd-${format}.${ENDINGS[format] ?? ENDINGS.default}`);
    say(`Saved ${megabytes(blob.size)}.`);
}

async function takeFile(path, name) {
    const blob = await fetchFile(path);
    save(blob, name);
    say(`Saved ${name}.`);
}

/* ---- the page ---- */

function offer(id, names) {
    element(id).append(...names.map((name) => html('option', { value: name }, name)));
}

element('import').addEventListener('submit', bringIn);
element('import-stop').addEventListener('click', () => stopper.abort());
element('drop').addEventListener('drop', drop);
for (const [type, isOver] of [['dragover', true], ['dragleave', false]]) {
    element('drop').addEventListener(type, (event) => {
        event.preventDefault();
        element('drop').classList.toggle('over', isOver);
    });
}
element('export').addEventListener('submit', (event) => {
    event.preventDefault();
    takeOut('export-start', takeLabels);
});
element('card-start').addEventListener('click', () => takeOut('card-start', () => takeFile('/v1/export/card', 'README.md')));
element('model-start').addEventListener('click', () => takeOut('model-start', () => takeFile('/v1/model/weights', 'reward-model.safetensors')));

async function start() {
    const names = await formats();
    offer('import-format', names.imports);
    offer('export-format', names.exports);
    if (await signIn.look() === 'required') {
        signIn.open('');
    }
}

start().catch((error) => show('import-error', `The page could not be prepared: ${error.message}.`));
