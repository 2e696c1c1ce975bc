/* Maps keys to actions. */

const ACTIONS = {
    ArrowLeft: 'a',
    1: 'a',
    ArrowRight: 'b',
    2: 'b',
    0: 'tie',
    s: 'skip',
    S: 'skip',
    ' ': 'read on',
    ArrowUp: 'up',
    ArrowDown: 'down',
    PageUp: 'page up',
    PageDown: 'page down',
    Home: 'start',
    End: 'end',
    t: 'together',
    T: 'together',
    y: 'redo',
    Y: 'redo',
    u: 'undo',
    U: 'redo',
    r: 'plain',
    R: 'plain',
    '?': 'help',
};

/* A held key goes on scrolling, but answers once. */
const REPEATING = new Set(['up', 'down', 'page up', 'page down']);

function isElsewhere(event) {
    return event.ctrlKey || event.altKey || event.metaKey || event.isComposing
        || (event.repeat && !REPEATING.has(ACTIONS[event.key]))
        || Boolean(event.target.closest?.('input, textarea, select, [contenteditable], dialog'));
}

/* The action of a key event, or null if the key belongs to the browser or to a field. */
export function actionOf(event) {
    if (isElsewhere(event)) {
        return null;
    }
    /* Some keyboards need shift for digits; with arrows and space, shift means something else. */
    if (event.shiftKey && (event.key.length > 1 || event.key === ' ')) {
        return null;
    }
    /* The space bar presses the button that has the focus. */
    if (event.key === ' ' && event.target.closest?.('button')) {
        return null;
    }
    return Object.hasOwn(ACTIONS, event.key) ? ACTIONS[event.key] : null;
}
