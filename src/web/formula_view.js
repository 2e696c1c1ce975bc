/*
 * Shows a formula, with KaTeX. It builds elements and parses no HTML. What it cannot read, or what
 * would take long, is shown as it was written.
 */

/*
 * KaTeX takes up to 0.1 ms a character and 0.5 ms a formula; a text with more in all shows its
 * formulas as they were written.
 */
const LONGEST_IN_ALL = 20_000;
const EACH = 20;
const OPTIONS = { throwOnError: true, strict: 'ignore', trust: false, maxExpand: 200, maxSize: 20 };

export function areShort(formulas) {
    return formulas.reduce((sum, { inner }) => sum + inner.length + EACH, 0) <= LONGEST_IN_ALL;
}

export function formulaAsWritten({ source, display }) {
    const made = document.createElement(display ? 'div' : 'span');
    made.className = 'formula source';
    made.textContent = source;
    return made;
}

export function buildFormula(formula) {
    try {
        const tree = globalThis.katex.__renderToDomTree(formula.inner, { ...OPTIONS, displayMode: formula.display });
        takeStyles(tree);
        const made = document.createElement('span');
        made.className = 'formula';
        made.append(tree.toNode());
        return made;
    } catch {
        return formulaAsWritten(formula);
    }
}

/* The page's policy refuses styles in attributes; those of arrows and roots are set one by one instead. */
function takeStyles(node) {
    if (node.attributes?.style !== undefined) {
        const { style, ...attributes } = node.attributes;
        const build = node.toNode.bind(node);
        node.attributes = attributes;
        node.toNode = () => {
            const made = build();
            for (const declaration of style.split(';')) {
                const [name, value] = declaration.split(':');
                made.style.setProperty(name.trim(), (value ?? '').trim());
            }
            return made;
        };
    }
    (node.children ?? []).forEach(takeStyles);
}
