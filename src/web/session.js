/*
 * What the page remembers of the person. The name stays; the pairs to go back to are the tab's own
 * and end with it.
 */

const NAME = 'fisherd.name';
const SESSION = 'fisherd.session';

export function rememberedName() {
    return localStorage.getItem(NAME) ?? '';
}

export function remember(name) {
    localStorage.setItem(NAME, name);
}

export function forget() {
    localStorage.removeItem(NAME);
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
