/* The parts of a page by their ids. */

export const element = (id) => document.getElementById(id);

export function show(id, text) {
    element(id).textContent = text;
}
