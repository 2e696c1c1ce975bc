import assert from 'node:assert/strict';
import { test } from 'node:test';
import { actionOf } from '../../src/web/keys.js';

/* An event target inside the named elements. */
const inside = (...names) => ({ closest: (list) => (list.split(', ').some((name) => names.includes(name)) ? {} : null) });
const press = (key, more = {}) => actionOf({ key, target: inside(), ...more });

test('each key has its action', () => {
    const expected = { ArrowLeft: 'a', 1: 'a', ArrowRight: 'b', 2: 'b', 0: 'tie', ' ': 'read on', s: 'skip', ArrowUp: 'up', PageDown: 'page down', u: 'undo', y: 'redo', U: 'redo', t: 'together', r: 'plain', '?': 'help' };
    for (const [key, action] of Object.entries(expected)) {
        assert.equal(press(key), action);
    }
    ['x', 'Enter', 'Escape', 'toString', '3'].forEach((key) => assert.equal(press(key), null));
});

test('keys with modifiers, held keys and keys in fields are left alone', () => {
    for (const more of [{ ctrlKey: true }, { altKey: true }, { metaKey: true }, { repeat: true }, { isComposing: true }]) {
        assert.equal(press('1', more), null);
    }
    assert.equal(press('ArrowDown', { repeat: true }), 'down', 'but a held arrow goes on scrolling');
    assert.equal(press('1', { target: inside('input') }), null);
    assert.equal(press('1', { target: inside('dialog') }), null);
});

test('shift is allowed for layouts that need it, and nowhere else', () => {
    assert.equal(press('1', { shiftKey: true }), 'a');
    assert.equal(press('?', { shiftKey: true }), 'help');
    assert.equal(press('ArrowLeft', { shiftKey: true }), null);
    assert.equal(press(' ', { shiftKey: true }), null);
});

test('the space bar presses a focused button and otherwise reads on', () => {
    assert.equal(press(' ', { target: inside('button') }), null);
    assert.equal(press('1', { target: inside('button') }), 'a');
});
