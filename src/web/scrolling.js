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

/* Two texts within one of these belong to the same line; between two of them a word ends. */
const LINES = 'p, li, td, th, pre, div, blockquote, h1, h2, h3, h4, h5, h6';

const lineOf = (node) => node.parentElement.closest(LINES);

/* How many words of a text are below, where `isBelow` tells it of one: the first of them is searched for. */
function wordsFrom(node, isBelow) {
    const starts = Array.from(node.data.matchAll(/\S+/g), (word) => [word.index, word.index + word[0].length]);
    let low = 0, high = starts.length;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (isBelow(node, ...starts[middle])) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return starts.length - low;
}

/* The words of one block that are not wholly above the edge. */
function wordsOf(block, edge) {
    const range = document.createRange();
    const isBelow = (node, from, to) => {
        range.setStart(node, from);
        range.setEnd(node, to);
        const { bottom, height } = range.getBoundingClientRect();
        return height > 0 && bottom > edge + 1;
    };
    /* KaTeX keeps each formula a second time, for screen readers. */
    const accept = (node) => node.parentElement.closest('.katex-mathml') ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT;
    const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT, accept);
    let count = 0, line = null, isOpen = false;
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
        const all = words(node.data);
        const from = edge === -Infinity ? all : wordsFrom(node, isBelow);
        /* A word may begin in one element and end in the next. */
        const goesOn = isOpen && line === lineOf(node) && /^\S/.test(node.data) && from === all;
        count += from - (goesOn && from > 0 ? 1 : 0);
        isOpen = from > 0 && /\S$/.test(node.data);
        line = lineOf(node);
    }
    return count;
}

/* The words below the edge: those of blocks that begin there, and of the block on it those of its lines. */
function wordsBelow(panel) {
    const edge = panel.getBoundingClientRect().bottom;
    const body = panel.firstElementChild;
    const blocks = body?.children.length > 0 ? [...body.children] : [body];
    let count = 0;
    for (const block of blocks.slice(-MOST_BLOCKS)) {
        const { top, bottom } = block.getBoundingClientRect();
        if (bottom > edge) {
            count += top >= edge ? wordsOf(block, -Infinity) : wordsOf(block, edge);
        }
    }
    return Math.max(1, count);
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
