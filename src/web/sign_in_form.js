/* The sign-in of a page that only some roles may see: its form, and the button that ends the session. */

import { element, show } from './page.js';
import { getSession, signInWith, signOut as endSession } from './sign_in.js';

export class SignInForm {
    #content;
    #onSignedIn;
    #onSignedOut;

    /* `content`: the ids of what it hides. `onSignedIn` is called after the form, `onSignedOut` whenever the form appears. */
    constructor({ content, onSignedIn, onSignedOut = () => {} }) {
        this.#content = content;
        this.#onSignedIn = onSignedIn;
        this.#onSignedOut = onSignedOut;
        element('sign-in').addEventListener('submit', (event) => this.#submit(event));
        element('sign-out').addEventListener('click', () => this.#signOut());
    }

    get isOpen() {
        return !element('sign-in').hidden;
    }

    open(error) {
        const changed = !this.isOpen;
        this.#onSignedOut();
        this.#content.forEach((id) => { element(id).hidden = true; });
        element('sign-in').hidden = false;
        element('token').value = '';
        show('sign-in-error', error);
        element('token').toggleAttribute('aria-invalid', error !== '');
        if (changed || error !== '') {
            element('token').focus();
        }
    }

    close() {
        if (this.isOpen) {
            this.#content.forEach((id) => { element(id).hidden = false; });
            element('sign-in').hidden = true;
            element('title').focus();
        }
    }

    /* Shows the button if there is a session to end. Returns how the visitor is authenticated. */
    async look() {
        const { authentication } = await getSession().catch(() => ({}));
        element('sign-out').hidden = authentication !== 'session';
        return authentication;
    }

    async #submit(event) {
        event.preventDefault();
        try {
            await signInWith(element('token').value.trim());
        } catch (error) {
            this.open(`That did not work: ${error.message}.`);
            return;
        }
        element('token').value = '';
        await this.look();
        this.#onSignedIn();
    }

    async #signOut() {
        await endSession().catch(() => {});
        const authentication = await this.look();
        this.open(authentication === 'required' ? '' : 'The server cannot be reached: the session goes on until it expires.');
    }
}

/* What a page says when a call was refused for its role, or for want of a token. */
export const refusal = (status) => (status === 403 ? 'The token that you signed in with has another role.' : '');
