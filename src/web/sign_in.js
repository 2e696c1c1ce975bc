/* Signing in and out. The session is a cookie that scripts cannot read. */

const TIMEOUT_MS = 20_000;
const PATH = '/v1/session';

async function call(method, parameters) {
    const headers = parameters === undefined ? {} : { 'Content-Type': 'application/json' };
    const response = await fetch(PATH, { method, headers, body: parameters && JSON.stringify(parameters), cache: 'no-store',
        signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(() => Promise.reject(new Error('the server cannot be reached')));
    const body = await response.json().catch(() => ({}));
    if (response.status === 401) {
        throw new Error('this token is not valid');
    }
    if (!response.ok) {
        throw new Error(body.detail ?? `the server responded with ${response.status}`);
    }
    return body;
}

/* {role, name, authentication}: "none" if the daemon asks for no tokens, "required" if a token is missing, "session". */
export function getSession() {
    return call('GET');
}

/* Returns the same, or throws an error with the reason. The page does not keep the token. */
export function signInWith(token) {
    return call('POST', { token });
}

export function signOut() {
    return call('DELETE');
}
