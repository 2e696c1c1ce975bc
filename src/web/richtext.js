/*
 * Turns text from a model into elements of the page: markdown-it reads it, and each of its tokens
 * becomes an element here. No text is parsed as HTML: every string becomes a text node. Links cannot
 * be followed, and images are not loaded.
 */

import MarkdownIt from './markdown-it.js';
import { buildCode } from './code_view.js';
import { areShort, buildFormula, formulaAsWritten } from './formula_view.js';
import { cutFormulas } from './formulas.js';

/* Longer texts stay plain. Hostile text of this length takes markdown-it 1.4 s at most. */
export const LONGEST = 50_000;
/* What looks like a link costs it time by the length of the text: below this product 0.3 s at most. */
const LINKS_BY_LENGTH = 3e7;
/* markdown-it leaves out what is nested deeper. */
const DEEPEST = 60;
/* CommonMark escapes more characters, but LaTeX without its marks would lose its backslashes. */
const ESCAPED = '\\`*_#+-.!~|<>&"\'$';

const ELEMENTS = { paragraph_open: 'p', blockquote_open: 'blockquote', bullet_list_open: 'ul', ordered_list_open: 'ol',
    list_item_open: 'li', em_open: 'em', strong_open: 'strong', s_open: 's', table_open: 'table', thead_open: 'thead',
    tbody_open: 'tbody', tr_open: 'tr', th_open: 'th', td_open: 'td' };

const markdown = new MarkdownIt({ html: false, linkify: false, typographer: false, maxNesting: DEEPEST });
/* A definition of an address would vanish from the response; without this rule it is a line of text. */
markdown.disable('reference');
markdown.validateLink = () => true;
markdown.normalizeLink = (address) => address;
markdown.inline.ruler.at('escape', (state, silent) => {
    const next = state.src[state.pos + 1];
    if (state.src[state.pos] !== '\\' || next === undefined || !ESCAPED.includes(next)) {
        return false;
    }
    if (!silent) {
        state.pending += next;
    }
    state.pos += 2;
    return true;
});

/* A fragment for a panel whose heading has the level `under`; an error if the text must stay plain. */
export function render(text, under = 2) {
    const links = text.split('](').length - 1;
    if (text.length > LONGEST || links * text.length > LINKS_BY_LENGTH) {
        throw new Error('it is too long');
    }
    const cut = cutFormulas(text);
    const tokens = markdown.parse(cut.text, {});
    if (tokens.some((token) => token.level >= DEEPEST - 1)) {
        throw new Error('it is nested too deep');
    }
    return new Builder(cut, under).build(tokens);
}

class Builder {
    #formulas;
    #marks;
    #areShort;
    #under;
    /* Headings are renumbered by those in use, so that no level is skipped below the panel's. */
    #levels = [];
    #open;

    constructor({ formulas, marks }, under) {
        this.#formulas = formulas;
        this.#marks = marks;
        this.#areShort = areShort(formulas);
        this.#under = under;
    }

    build(tokens) {
        const top = document.createDocumentFragment();
        this.#open = [top];
        tokens.forEach((token) => this.#add(token));
        /* Only outermost blocks: dir=auto ignores children that have a dir of their own. */
        [...top.children].forEach((block) => { block.dir = 'auto'; });
        return top;
    }

    #append(made) {
        this.#open.at(-1).append(made);
    }

    #add(token) {
        if (token.hidden) {
            return;
        }
        if (token.nesting > 0) {
            const made = this.#start(token);
            this.#append(made);
            this.#open.push(made);
        } else if (token.nesting < 0) {
            this.#end(this.#open.pop());
        } else {
            this.#addLeaf(token);
        }
    }

    #start(token) {
        if (token.type === 'heading_open') {
            return document.createElement(this.#headingName(Number(token.tag.slice(1))));
        }
        if (token.type === 'link_open') {
            const link = document.createElement('span');
            link.className = 'link';
            link.title = this.#asWritten(token.attrGet('href') ?? '');
            return link;
        }
        const made = document.createElement(ELEMENTS[token.type] ?? 'span');
        const style = token.attrGet('style');
        if (style !== null) {
            made.style.textAlign = style.replace('text-align:', '');
        }
        if (token.type === 'ordered_list_open') {
            made.start = Number(token.attrGet('start') ?? 1);
        }
        return made;
    }

    #headingName(level) {
        while (this.#levels.length > 0 && this.#levels.at(-1) >= level) {
            this.#levels.pop();
        }
        this.#levels.push(level);
        return `h${Math.min(6, this.#under + this.#levels.length)}`;
    }

    #end(made) {
        if (made.tagName === 'LI') {
            markTask(made);
        } else if (made.tagName === 'TABLE') {
            /* Wide tables scroll, not the panel. */
            const scroll = document.createElement('div');
            scroll.className = 'wide';
            made.replaceWith(scroll);
            scroll.append(made);
        }
    }

    #addLeaf(token) {
        switch (token.type) {
        case 'inline':
            token.children.forEach((child) => this.#add(child));
            break;
        case 'fence':
        case 'code_block':
            this.#addCode(token);
            break;
        case 'hr':
            this.#append(document.createElement('hr'));
            break;
        case 'code_inline': {
            const code = document.createElement('code');
            code.textContent = this.#asWritten(token.content);
            this.#append(code);
            break;
        }
        case 'softbreak':
        case 'hardbreak':
            this.#append('\n');
            break;
        case 'image':
            this.#addImage(token);
            break;
        default:
            this.#addText(token.content);
        }
    }

    #addCode(token) {
        const block = document.createElement('pre');
        block.append(buildCode(this.#asWritten(token.content).replace(/\n$/, ''), token.info));
        this.#append(block);
    }

    #addImage(token) {
        const image = document.createElement('span');
        image.className = 'image';
        image.title = this.#asWritten(token.attrGet('src') ?? '');
        image.textContent = `[image: ${this.#asWritten(token.content)}]`;
        this.#append(image);
    }

    #addText(text) {
        if (this.#marks === null) {
            this.#append(text);
            return;
        }
        text.split(this.#marks).forEach((part, i) => {
            if (i % 2 === 0) {
                this.#append(part);
                return;
            }
            const formula = this.#formulas[Number(part)];
            this.#append(this.#areShort ? buildFormula(formula) : formulaAsWritten(formula));
        });
    }

    /* Where no formula can be shown, it is text again. */
    #asWritten(text) {
        return this.#marks === null ? text
            : text.split(this.#marks).map((part, i) => (i % 2 === 0 ? part : this.#formulas[Number(part)].source)).join('');
    }
}

/* "[ ] buy milk": an item of a list of tasks. */
function markTask(item) {
    const holder = item.firstElementChild?.tagName === 'P' ? item.firstElementChild : item;
    const text = holder.firstChild;
    const [mark, tick] = text?.nodeType === Node.TEXT_NODE ? /^\[([ xX])\]\s/.exec(text.data) ?? [] : [];
    if (mark === undefined) {
        return;
    }
    const box = document.createElement('span');
    box.className = 'task';
    box.setAttribute('role', 'img');
    box.setAttribute('aria-label', tick === ' ' ? 'not done' : 'done');
    box.textContent = tick === ' ' ? '☐' : '☑';
    text.data = ` ${text.data.slice(mark.length)}`;
    holder.prepend(box);
    item.classList.add('task-item');
}
