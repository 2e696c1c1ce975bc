/*
 * What the browser remembers of the person. The name stays; the token and the pairs to go back to
 * are the tab's own and end with it.
 */

const NAME = 'fisherd.name';
const TOKEN = 'fisherd.token';
const SESSION = 'fisherd.session';

export function remembered() {
    return { name: localStorage.getItem(NAME) ?? '', token: sessionStorage.getItem(TOKEN) ?? '' };
}

export function remember(name, token) {
    localStorage.setItem(NAME, name);
    sessionStorage.setItem(TOKEN, token);
}

export function forget() {
    localStorage.removeItem(NAME);
    sessionStorage.removeItem(TOKEN);
    sessionStorage.removeItem(SESSION);
}

/* session: {name, given, currentId, history}. */
export function save(session) {
    try {
        sessionStorage.setItem(SESSION, JSON.stringify(session));
    } catch {
        /* Too long to keep: undo then ends at the next reload, and no answer is lost. */
        sessionStorage.removeItem(SESSION);
    }
}

export function load(name) {
    const session = JSON.parse(sessionStorage.getItem(SESSION) ?? 'null');
    return session?.name === name ? session : { name, given: 0, currentId: null, history: [] };
}
