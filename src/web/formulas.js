/*
 * Cuts LaTeX out of a text before it is read as Markdown, outside code: \( \), \[ \] and $$ $$. A
 * single $ is money. Each formula leaves a mark, made of a character that the text does not have.
 */

/* Longer ones are no formulas but texts with a stray mark. */
const LONGEST = 4_000;
const FENCE = /^[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*(`{3,}(?=[^`\n]*$)|~{3,})/;
const KINDS = {
    '\\(': { close: '\\)', display: false },
    '\\[': { close: '\\]', display: true },
    $$: { close: '$$', display: true },
};

/* Unicode keeps these characters free for such uses. */
function freeCharacter(text) {
    for (let code = 0xFDD0; code <= 0xFDEF; code++) {
        if (!text.includes(String.fromCharCode(code))) {
            return String.fromCharCode(code);
        }
    }
    throw new Error('the text has every character that could mark a formula');
}

/* Where fenced code begins and ends: [[from, to], …]. */
function fencedParts(text) {
    const parts = [];
    let open = null;
    for (let from = 0; from < text.length;) {
        const end = text.indexOf('\n', from);
        const to = end < 0 ? text.length : end + 1;
        /* The start of a line tells; longer ones than this have no fence. */
        const line = text.slice(from, Math.min(to, from + 200)).trimEnd();
        if (open === null) {
            const [, fence] = FENCE.exec(line) ?? [];
            open = fence === undefined ? null : { fence, from };
        } else {
            const rest = line.replace(/^[ \t>]*/, '');
            if (rest.length >= open.fence.length && rest === open.fence[0].repeat(rest.length)) {
                parts.push([open.from, to]);
                open = null;
            }
        }
        from = to;
    }
    return open === null ? parts : [...parts, [open.from, text.length]];
}

/* Finds the next place of each string, and looks at no part of the text twice. */
class Finder {
    #text;
    #next = new Map();

    constructor(text) {
        this.#text = text;
    }

    from(wanted, position) {
        if (!(this.#next.get(wanted) >= position)) {
            const found = this.#text.indexOf(wanted, position);
            this.#next.set(wanted, found < 0 ? Infinity : found);
        }
        return this.#next.get(wanted);
    }
}

/* For each run of backticks, where the next one of its length ends: there its code span ends. */
function endsOfCode(text) {
    const ends = new Map();
    const last = new Map();
    for (const { 0: run, index } of text.matchAll(/`+/g)) {
        if (last.has(run.length)) {
            ends.set(last.get(run.length), index + run.length);
        }
        last.set(run.length, index);
    }
    return ends;
}

/* {text, formulas: [{source, inner, display}], marks: a pattern for splitting text at the marks}. */
export function cutFormulas(text) {
    if (!/\\[([]|\$\$/.test(text)) {
        return { text, formulas: [], marks: null };
    }
    const mark = freeCharacter(text);
    const formulas = [];
    const kept = [];
    let from = 0;
    for (const [start, end] of [...fencedParts(text), [text.length, text.length]]) {
        kept.push(cutPart(text.slice(from, start), mark, formulas), text.slice(start, end));
        from = end;
    }
    return { text: kept.join(''), formulas, marks: new RegExp(`${mark}(\\d+)${mark}`) };
}

function cutPart(text, mark, formulas) {
    const code = endsOfCode(text);
    const finder = new Finder(text);
    const kept = [];
    let from = 0;
    for (let at = 0; at < text.length;) {
        if (text[at] === '`') {
            let length = 1;
            while (text[at + length] === '`') {
                length += 1;
            }
            /* A run without a partner is text. */
            at = code.get(at) ?? at + length;
        } else if (text[at] === '\\' || text[at] === '$') {
            const kind = KINDS[text.slice(at, at + 2)];
            const end = kind === undefined ? 0 : endOfFormula(text, at, kind, finder);
            if (end > 0) {
                kept.push(text.slice(from, at), `${mark}${formulas.length}${mark}`);
                const source = text.slice(at, end);
                formulas.push({ source, inner: source.slice(2, -2), display: kind.display });
                from = at = end;
            } else {
                at += text[at] === '\\' || text[at + 1] === '$' ? 2 : 1;
            }
        } else {
            at += 1;
        }
    }
    return kept.join('') + text.slice(from);
}

/* 0 if no formula begins here. A blank line ends a paragraph, and a formula with it. */
function endOfFormula(text, at, { close }, finder) {
    let found = finder.from(close, at + 2);
    /* The line break \\ before a bracket. */
    while (text[found - 1] === '\\' && text[found - 2] !== '\\' && close !== '$$') {
        found = finder.from(close, found + 1);
    }
    if (found > at + LONGEST || found === at + 2 || finder.from('\n\n', at) < found || finder.from('`', at) < found) {
        return 0;
    }
    return /^\s*$/.test(text.slice(at + 2, found)) ? 0 : found + 2;
}
