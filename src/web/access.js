/* Who is at the page: sessions, which the browser keeps in a cookie that no script can read. */

const TIMEOUT_MS = 20_000;
const PATH = '/v1/session';

async function call(method, body) {
    const headers = body === undefined ? {} : { 'Content-Type': 'application/json' };
    const response = await fetch(PATH, { method, headers, body: body && JSON.stringify(body), cache: 'no-store',
        signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(() => Promise.reject(new Error('the server cannot be reached')));
    const answer = await response.json().catch(() => ({}));
    if (response.status === 401) {
        throw new Error('this token is not valid');
    }
    if (!response.ok) {
        throw new Error(answer.detail ?? `the server answered ${response.status}`);
    }
    return answer;
}

/* {role, name, authentication}: "none" where nobody needs a token, "required" where one is missing. */
export function whoIsHere() {
    return call('GET');
}

/* The same, or an error that says why not. The token is kept nowhere. */
export function signInWith(token) {
    return call('POST', { token });
}

export function signOut() {
    return call('DELETE');
}
