/*
 * Shows code in colours, with highlight.js. Its result is HTML, which the page does not trust: only
 * its spans are read, and they are used only if they hold the very same code.
 */

/* highlight.js is quadratic for some code: 0.2 s at most for a block of this size. Longer code has no colours. */
const LONGEST = 5_000;
/* Those that are common in responses, and measured. */
const LANGUAGES = new Set(['bash', 'c', 'cpp', 'cs', 'css', 'diff', 'go', 'haskell', 'java', 'javascript', 'json', 'kotlin',
    'lua', 'makefile', 'markdown', 'perl', 'php', 'python', 'r', 'ruby', 'rust', 'scala', 'sql', 'swift', 'typescript',
    'xml', 'yaml']);
const ALIASES = { 'c++': 'cpp', 'c#': 'cs', csharp: 'cs', golang: 'go', html: 'xml', js: 'javascript', jsx: 'javascript',
    py: 'python', python3: 'python', rb: 'ruby', rs: 'rust', sh: 'bash', shell: 'bash', ts: 'typescript', tsx: 'typescript',
    yml: 'yaml', zsh: 'bash' };
const CHARACTERS = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#x27;': '\'' };
const PARTS = /<span class="([\w\- ]*)">|(<\/span>)|([^<]+)|</g;

export function buildCode(text, info) {
    const made = document.createElement('code');
    const word = info.trim().split(/\s+/)[0].toLowerCase();
    if (word !== '') {
        made.dataset.language = word;
    }
    const language = Object.hasOwn(ALIASES, word) ? ALIASES[word] : word;
    const coloured = LANGUAGES.has(language) && text.length <= LONGEST ? colour(text, language) : null;
    made.append(coloured ?? text);
    return made;
}

/* null if the code must stay plain. */
function colour(text, language) {
    try {
        const made = build(globalThis.hljs.highlight(language, text, true).value);
        return made.textContent === text ? made : null;
    } catch {
        return null;
    }
}

function build(html) {
    const top = document.createDocumentFragment();
    const open = [top];
    for (const [, name, end, text] of html.matchAll(PARTS)) {
        if (name !== undefined) {
            const span = document.createElement('span');
            span.className = name;
            open.at(-1).append(span);
            open.push(span);
        } else if (end !== undefined) {
            open.pop();
        } else {
            open.at(-1).append((text ?? '<').replace(/&[#\w]+;/g, (entity) => CHARACTERS[entity] ?? entity));
        }
    }
    return top;
}
