/*
 * What the page remembers. The name is kept by the browser; the pairs that undo goes back to belong
 * to the tab and end with it.
 */

const NAME = 'fisherd.name';
const STATE = 'fisherd.session';

export function name() {
    return localStorage.getItem(NAME) ?? '';
}

export function setName(value) {
    localStorage.setItem(NAME, value);
}

export function forget() {
    localStorage.removeItem(NAME);
    sessionStorage.removeItem(STATE);
}

/* state: {name, given, currentId, history}. */
export function save(state) {
    try {
        sessionStorage.setItem(STATE, JSON.stringify(state));
    } catch {
        /* Too long to keep: undo then ends at the next reload; no answer is lost. */
        sessionStorage.removeItem(STATE);
    }
}

export function load(annotator) {
    const state = JSON.parse(sessionStorage.getItem(STATE) ?? 'null');
    return state?.name === annotator ? state : { name: annotator, given: 0, currentId: null, history: [] };
}

/* ---- how many answers each name has given today in this browser, in all its tabs ---- */

const TODAY = 'fisherd.today.';

export function startOfToday() {
    return new Date().setHours(0, 0, 0, 0);
}

export function today(annotator) {
    const kept = JSON.parse(localStorage.getItem(TODAY + annotator) ?? 'null');
    return kept?.day === startOfToday() ? kept.count : 0;
}

export function setToday(annotator, count) {
    try {
        localStorage.setItem(TODAY + annotator, JSON.stringify({ day: startOfToday(), count }));
    } catch {
        /* Only a number is lost. */
    }
    return count;
}

/* One more, in this tab or by what other tabs counted. */
export function countToday(annotator, before) {
    return setToday(annotator, Math.max(before, today(annotator)) + 1);
}
