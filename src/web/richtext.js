/*
 * Turns text from a model into elements of the page. No text is parsed as HTML: every string becomes
 * a text node, and a link is shown with its address and cannot be clicked.
 */

import { parse } from './markdown.js';

const SPAN_ELEMENTS = { strong: 'strong', emphasis: 'em' };

/* A fragment for a panel whose heading has the level `under`. */
export function render(text, under = 2) {
    const fragment = document.createDocumentFragment();
    /* Headings are renumbered by those in use, so that no level is skipped below the panel's. */
    const levels = [];
    for (const block of parse(text)) {
        const built = buildBlock(block, levels, under);
        /* Only outermost blocks: dir=auto ignores children that have a dir of their own. */
        built.dir = 'auto';
        fragment.append(built);
    }
    return fragment;
}

function make(name, children) {
    const made = document.createElement(name);
    made.append(...children);
    return made;
}

function buildBlock(block, levels, under) {
    switch (block.type) {
    case 'heading':
        return make(headingName(block.level, levels, under), block.content.map(buildSpan));
    case 'code':
        return buildCode(block);
    case 'rule':
        return make('hr', []);
    case 'quote':
        return make('blockquote', block.blocks.map((inner) => buildBlock(inner, levels, under)));
    case 'list':
        return buildList(block, levels, under);
    default:
        return make('p', block.content.map(buildSpan));
    }
}

function headingName(level, levels, under) {
    while (levels.length > 0 && levels.at(-1) >= level) {
        levels.pop();
    }
    levels.push(level);
    return `h${Math.min(6, under + levels.length)}`;
}

function buildCode(block) {
    const code = make('code', [block.text]);
    if (block.language) {
        code.dataset.language = block.language;
    }
    return make('pre', [code]);
}

function buildList(block, levels, under) {
    const items = block.items.map((blocks) => make('li', blocks.map((inner) => buildBlock(inner, levels, under))));
    const list = make(block.ordered ? 'ol' : 'ul', items);
    if (block.ordered) {
        list.start = block.first;
    }
    return list;
}

function buildSpan(span) {
    if (typeof span === 'string') {
        return document.createTextNode(span);
    }
    if (span.type === 'code') {
        return make('code', [span.text]);
    }
    if (span.type === 'link') {
        return buildLink(span);
    }
    return make(SPAN_ELEMENTS[span.type], span.content.map(buildSpan));
}

function buildLink(span) {
    const address = make('bdi', [span.address]);
    address.className = 'address';
    const link = make('span', [...span.content.map(buildSpan), ' (', address, ')']);
    link.className = 'link';
    return link;
}
