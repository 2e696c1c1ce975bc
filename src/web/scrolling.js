/*
 * Scrolls the two responses by keyboard, both by the same share of a page, and says how much text is
 * cut off below. On a narrow screen the page itself scrolls.
 */

const byId = (id) => document.getElementById(id);
const PANELS = ['text-a', 'text-b'];
const LINE = 48;
const SLACK = 2;
/* Counting words needs the places of elements: not while somebody scrolls, and not in endless texts. */
const COUNT_MS = 60;
const MOST_BLOCKS = 2_000;

let isTogether = true;
let timer = null;

const room = (panel) => panel.scrollHeight - panel.clientHeight - panel.scrollTop;

/* The panels that a key scrolls: both, or the one with the focus. */
function targets() {
    const focused = document.activeElement?.closest('#prompt, #text-a, #text-b');
    if (focused && (!isTogether || focused.id === 'prompt')) {
        return [focused];
    }
    return isTogether ? PANELS.map(byId) : [byId('text-a')];
}

const scrolls = (panel) => panel.scrollHeight > panel.clientHeight + SLACK && getComputedStyle(panel).overflowY !== 'visible';

/* by(height) is the way in pixels for a panel of that height. False if nothing could move. */
function scrollBy(by) {
    const panels = targets().filter(scrolls);
    if (panels.length === 0) {
        const before = window.scrollY;
        window.scrollBy(0, by(window.innerHeight * 0.7));
        return window.scrollY !== before;
    }
    const before = panels.map((panel) => panel.scrollTop);
    panels.forEach((panel) => panel.scrollBy(0, by(panel.clientHeight)));
    return panels.some((panel, i) => panel.scrollTop !== before[i]);
}

const page = (height) => Math.max(LINE, height - LINE);
const WAYS = {
    up: () => -LINE,
    down: () => LINE,
    'page up': (height) => -page(height),
    'page down': page,
    'read on': page,
    start: () => -Number.MAX_SAFE_INTEGER,
    end: () => Number.MAX_SAFE_INTEGER,
};

/* True if the action is one of scrolling. */
export function scroll(action) {
    if (!Object.hasOwn(WAYS, action)) {
        return false;
    }
    scrollBy(WAYS[action]);
    return true;
}

/* Returns whether both panels scroll together from now on. */
export function toggleTogether() {
    isTogether = !isTogether;
    return isTogether;
}

/* ---- what is cut off ---- */

const words = (text) => text.split(/\s+/).filter((word) => word !== '').length;

/* The words of the blocks that begin below the edge, and of the one on it by its share. */
function wordsBelow(panel) {
    const edge = panel.getBoundingClientRect().bottom;
    const body = panel.firstElementChild;
    const blocks = body?.children.length > 0 ? [...body.children] : [body];
    let count = 0;
    for (const block of blocks.slice(-MOST_BLOCKS)) {
        const { top, bottom, height } = block.getBoundingClientRect();
        if (bottom > edge) {
            count += words(block.textContent) * (top >= edge ? 1 : (bottom - edge) / Math.max(1, height));
        }
    }
    return Math.max(1, Math.round(count));
}

const counts = new Intl.NumberFormat('en');

function showCut() {
    for (const id of PANELS) {
        const panel = byId(id);
        const isCut = scrolls(panel) && room(panel) > SLACK;
        const note = byId(`more-${id.at(-1)}`);
        panel.classList.toggle('cut', isCut);
        note.hidden = !isCut;
        if (isCut) {
            const below = wordsBelow(panel);
            note.textContent = below === 1 ? '1 more word below' : `${counts.format(below)} more words below`;
        }
    }
}

/* Call this when texts or their room have changed. */
export function measure() {
    clearTimeout(timer);
    timer = null;
    showCut();
}

function later() {
    timer ??= setTimeout(measure, COUNT_MS);
}

export function watch() {
    const observer = new ResizeObserver(later);
    for (const id of PANELS) {
        byId(id).addEventListener('scroll', later, { passive: true });
        observer.observe(byId(id));
    }
}
