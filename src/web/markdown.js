/*
 * Parses the Markdown that models write into plain objects; HTML in it is ordinary text. The text
 * comes from models and must not freeze the page: searches are bounded or remember that they failed,
 * and the depth of nesting is limited.
 */

const DEEPEST = 8;
const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6})[ \t]+(.*)$/;
const RULE = /^ {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( *)([-*+]|\d{1,9}[.)])[ \t]+(?=\S)/;
const LINK_END = /^\]\(\s*<?([^\s<>()]{1,2000}(?:\([^\s<>()]{0,500}\))?)>?(?:\s+"[^"\n]{0,500}")?\s{0,9}\)/;
const LONGEST_LABEL = 1000;
const ESCAPED = /[!-/:-@[-`{-~]/;
const WORD = /[\p{L}\p{N}]/u;

/* Blocks: {type: paragraph | heading | code | rule | quote | list, ...}. */
export function parse(text) {
    return parseBlocks(String(text).replace(/\r\n?/g, '\n').split('\n'), 0);
}

function parseBlocks(lines, depth) {
    const blocks = [];
    let at = 0;
    while (at < lines.length) {
        if (lines[at].trim() === '') {
            at += 1;
            continue;
        }
        const read = blockReader(lines[at], depth);
        const { block, next } = read(lines, at, depth);
        blocks.push(block);
        at = next;
    }
    return blocks;
}

function blockReader(line, depth) {
    if (FENCE.test(line)) {
        return readCode;
    }
    if (HEADING.test(line)) {
        return readHeading;
    }
    if (RULE.test(line)) {
        return readRule;
    }
    if (depth < DEEPEST && QUOTE.test(line)) {
        return readQuote;
    }
    if (depth < DEEPEST && ITEM.test(line)) {
        return readList;
    }
    return readParagraph;
}

function readCode(lines, start) {
    const [, fence, language] = FENCE.exec(lines[start]);
    const closes = (line) => {
        const mark = line.trim();
        return mark.length >= fence.length && mark === fence[0].repeat(mark.length);
    };
    let end = start + 1;
    while (end < lines.length && !closes(lines[end])) {
        end += 1;
    }
    const block = { type: 'code', language: language.trim(), text: lines.slice(start + 1, end).join('\n') };
    return { block, next: end + 1 };
}

function readHeading(lines, start) {
    const [, marks, text] = HEADING.exec(lines[start]);
    const title = text.trimEnd().replace(/(^|[ \t])#+$/, '');
    return { block: { type: 'heading', level: marks.length, content: parseInline(title) }, next: start + 1 };
}

function readRule(lines, start) {
    return { block: { type: 'rule' }, next: start + 1 };
}

function readQuote(lines, start, depth) {
    let end = start;
    while (end < lines.length && QUOTE.test(lines[end])) {
        end += 1;
    }
    const inner = lines.slice(start, end).map((line) => line.replace(QUOTE, ''));
    return { block: { type: 'quote', blocks: parseBlocks(inner, depth + 1) }, next: end };
}

function readList(lines, start, depth) {
    const [, , marker] = ITEM.exec(lines[start]);
    const ordered = /\d/.test(marker);
    const block = { type: 'list', ordered, first: ordered ? parseInt(marker, 10) : 1, items: [] };
    let at = start;
    while (at < lines.length && continuesList(lines[at], marker)) {
        const end = itemEnd(lines, at);
        const offset = ITEM.exec(lines[at])[0].length;
        const inner = [lines[at].slice(offset), ...lines.slice(at + 1, end).map((line) => outdent(line, offset))];
        block.items.push(parseBlocks(inner, depth + 1));
        at = end;
        while (at < lines.length && lines[at].trim() === '') {
            at += 1;
        }
    }
    return { block, next: at };
}

/* A different marker starts a new list. */
function continuesList(line, marker) {
    const match = ITEM.exec(line);
    return match !== null && !RULE.test(line) && match[2].at(-1) === marker.at(-1);
}

/* An item continues over lines that are indented more than its marker, and over the lines of its paragraph. */
function itemEnd(lines, start) {
    const indent = ITEM.exec(lines[start])[1].length;
    let end = start + 1;
    let blank = false;
    for (let at = end; at < lines.length; at += 1) {
        const line = lines[at];
        if (line.trim() === '') {
            blank = true;
            continue;
        }
        const deeper = line.search(/\S/) > indent;
        if (!deeper && (blank || startsBlock(line))) {
            break;
        }
        blank = false;
        end = at + 1;
    }
    return end;
}

function outdent(line, columns) {
    return line.slice(Math.min(columns, Math.max(0, line.search(/\S|$/))));
}

function startsBlock(line) {
    return [FENCE, HEADING, RULE, QUOTE, ITEM].some((pattern) => pattern.test(line));
}

function readParagraph(lines, start) {
    let end = start + 1;
    while (end < lines.length && lines[end].trim() !== '' && !startsBlock(lines[end])) {
        end += 1;
    }
    const text = lines.slice(start, end).join('\n').trim();
    return { block: { type: 'paragraph', content: parseInline(text) }, next: end };
}

/* Spans: a string, or {type: code | strong | emphasis | link, ...}. */
export function parseInline(text, depth = 0) {
    const spans = [];
    const missing = new Set();
    let plain = '';
    let at = 0;
    while (at < text.length) {
        const found = depth < DEEPEST ? readSpan(text, at, depth, missing) : null;
        if (found === null) {
            plain += text[at];
            at += 1;
        } else if (typeof found.span === 'string') {
            plain += found.span;
            at = found.next;
        } else {
            spans.push(...(plain ? [plain] : []), found.span);
            plain = '';
            at = found.next;
        }
    }
    return plain ? [...spans, plain] : spans;
}

function readSpan(text, at, depth, missing) {
    switch (text[at]) {
    case '\\':
        return ESCAPED.test(text[at + 1] ?? '') ? { span: text[at + 1], next: at + 2 } : null;
    case '`':
        return readInlineCode(text, at, missing);
    case '*':
    case '_':
        return readEmphasis(text, at, depth, missing);
    case '!':
        return text[at + 1] === '[' ? readLink(text, at + 1, depth) : null;
    case '[':
        return readLink(text, at, depth);
    default:
        return null;
    }
}

function readInlineCode(text, at, missing) {
    const ticks = /^`+/.exec(text.slice(at, at + 16))[0];
    const end = missing.has(ticks) ? -1 : text.indexOf(ticks, at + ticks.length);
    if (end < 0) {
        missing.add(ticks);
        return { span: ticks, next: at + ticks.length };
    }
    const code = text.slice(at + ticks.length, end).replace(/^ (.*\S.*) $/s, '$1');
    return { span: { type: 'code', text: code }, next: end + ticks.length };
}

function readEmphasis(text, at, depth, missing) {
    const mark = text[at + 1] === text[at] ? text[at].repeat(2) : text[at];
    const end = missing.has(mark) ? -1 : closing(text, at, mark);
    if (end < 0) {
        return { span: mark, next: at + mark.length };
    }
    if (end === Infinity) {
        missing.add(mark);
        return { span: mark, next: at + mark.length };
    }
    const content = parseInline(text.slice(at + mark.length, end), depth + 1);
    return { span: { type: mark.length > 1 ? 'strong' : 'emphasis', content }, next: end + mark.length };
}

/* The end of the emphasis; -1 if none starts here, Infinity if it never ends. */
function closing(text, at, mark) {
    const opens = /\S/.test(text[at + mark.length] ?? ' ');
    if (!opens || (mark[0] === '_' && WORD.test(text[at - 1] ?? ''))) {
        return -1;
    }
    for (let end = text.indexOf(mark, at + mark.length + 1); end >= 0; end = text.indexOf(mark, end + 1)) {
        const doubled = mark.length === 1 && (text[end + 1] === mark || text[end - 1] === mark);
        const inWord = mark[0] === '_' && WORD.test(text[end + mark.length] ?? '');
        if (!doubled && !inWord && /\S/.test(text[end - 1])) {
            /* In `**a *b***` the last two marks close the strong text. */
            return mark.length > 1 && text[end + 2] === mark[0] ? end + 1 : end;
        }
    }
    return Infinity;
}

function readLink(text, at, depth) {
    const length = text.slice(at + 1, at + LONGEST_LABEL).indexOf('](');
    const label = text.slice(at + 1, at + 1 + length);
    if (length < 0 || label.includes('[')) {
        return null;
    }
    const end = at + 1 + length;
    const address = LINK_END.exec(text.slice(end, end + 3200));
    if (address === null) {
        return null;
    }
    const content = parseInline(label, depth + 1);
    return { span: { type: 'link', content, address: address[1] }, next: end + address[0].length };
}
