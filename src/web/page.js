/* The parts of a page: those that it has, by their ids, and new ones. */

export const element = (id) => document.getElementById(id);

export function show(id, text) {
    element(id).textContent = text;
}

export function fill(part, attributes, children) {
    Object.entries(attributes).forEach((each) => part.setAttribute(...each));
    part.append(...children);
    return part;
}

export const html = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);

/* The first cell of a row is its heading. */
export const rowsOf = (rows) => rows.map(([head, ...cells]) =>
    html('tr', {}, html('th', { scope: 'row' }, head), ...cells.map((cell) => html('td', {}, cell))));
