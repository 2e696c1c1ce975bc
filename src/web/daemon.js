/* Calls the daemon's API for the annotator's page. */

const TIMEOUT_MS = 20_000;

export class CallError extends Error {
    constructor(message, status = 0, retryAfterMs = 0) {
        super(message);
        this.status = status;
        this.retryAfterMs = retryAfterMs;
    }
}

function seconds(header) {
    const value = Number(header);
    return Number.isFinite(value) && value > 0 ? value * 1000 : 0;
}

async function problem(response) {
    const body = await response.json().catch(() => ({}));
    const text = body.detail || body.title || `the server responded with ${response.status}`;
    return new CallError(text, response.status, seconds(response.headers.get('Retry-After')));
}

export class Daemon {
    async #call(method, path, body, keepalive = false) {
        const headers = {};
        if (body !== undefined) {
            headers['Content-Type'] = 'application/json';
        }
        const options = { method, headers, keepalive, cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) };
        const response = await fetch(path, { ...options, body: body && JSON.stringify(body) })
            .catch(() => Promise.reject(new CallError('the server cannot be reached')));
        if (!response.ok) {
            throw await problem(response);
        }
        return response;
    }

    async #json(method, path, body) {
        const response = await this.#call(method, path, body);
        /* A response that was cut off counts as no response. */
        return response.json().catch(() => Promise.reject(new CallError('the server\'s response was cut off')));
    }

    /* Adds `now` by the daemon's clock, because the browser's may be wrong by hours. */
    async assignments(annotator, count) {
        const response = await this.#call('POST', '/v1/assignments', { annotator, count });
        const body = await response.json().catch(() => Promise.reject(new CallError('the server\'s response was cut off')));
        const retryAfterMs = seconds(response.headers.get('Retry-After'));
        return { ...body, now: clockOf(response), retryAfterMs };
    }

    async renew(id) {
        const response = await this.#call('POST', `/v1/assignments/${encodeURIComponent(id)}/renew`);
        return { ...(await response.json()), now: clockOf(response) };
    }

    /* keepalive: the request goes out even if the page is closing. */
    handBack(id) {
        return this.#call('DELETE', `/v1/assignments/${encodeURIComponent(id)}`, undefined, true);
    }

    send(entry) {
        if (entry.method === 'POST') {
            return this.#call('POST', '/v1/labels', { labels: [entry.label] });
        }
        return this.#call('PUT', `/v1/labels/${encodeURIComponent(entry.id)}`, entry.label);
    }

    model() {
        return this.#json('GET', '/v1/model');
    }

    /* How many answers the annotator has given, in all and since `from`, and everyone in all. */
    progress(annotator, from) {
        return this.#json('GET', `/v1/progress?annotator=${encodeURIComponent(annotator)}&from=${from}`);
    }
}

function clockOf(response) {
    const stated = Date.parse(response.headers.get('Date') ?? '');
    return Number.isNaN(stated) ? Date.now() : stated;
}
