/* Sends files to the daemon, and fetches the labels as one file. */

const OCTETS = 'application/octet-stream';

async function problemOf(response) {
    const problem = await response.json().catch(() => ({}));
    return Object.assign(new Error(problem.detail ?? `the daemon responded with ${response.status}`), { status: response.status });
}

async function call(path, options = {}) {
    const response = await fetch(path, { cache: 'no-store', ...options }).catch((error) => {
        throw error.name === 'AbortError' ? error : new Error('the daemon cannot be reached');
    });
    if (!response.ok) {
        throw await problemOf(response);
    }
    return response;
}

/* The names of the formats of POST /v1/import and GET /v1/export, from the document of the API. */
export async function formats() {
    const { paths } = await call('/openapi.json').then((response) => response.json());
    const names = ({ parameters }) => parameters.find(({ name }) => name === 'format').schema.enum;
    return { imports: names(paths['/v1/import'].post).filter((name) => name !== 'auto'), exports: names(paths['/v1/export'].get) };
}

/* An XMLHttpRequest, because fetch does not tell how much of a body is sent. `onProgress` gets the share. Returns the
 * outcome; an error has `outcome`, what was imported before it, where the daemon says so. */
export function sendFile(file, { format, map, isDry }, onProgress, signal) {
    const query = new URLSearchParams({ ...format && { format }, ...map && { map }, ...isDry && { dry_run: 'true' } });
    const request = new XMLHttpRequest();
    return new Promise((resolve, reject) => {
        request.open('POST', `/v1/import?${query}`);
        request.responseType = 'json';
        request.setRequestHeader('Content-Type', OCTETS);
        if (file.name.endsWith('.gz')) {
            request.setRequestHeader('Content-Encoding', 'gzip');
        }
        request.upload.addEventListener('progress', (event) => onProgress(event.loaded / Math.max(event.total, 1)));
        request.addEventListener('load', () => {
            const body = request.response ?? {};
            if (request.status === 200) {
                resolve(body);
                return;
            }
            const error = new Error(body.detail ?? `the daemon responded with ${request.status}`);
            reject(Object.assign(error, { status: request.status, outcome: body.imported }));
        });
        request.addEventListener('error', () => reject(new Error('the daemon cannot be reached, or ended the connection')));
        request.addEventListener('abort', () => reject(new DOMException('stopped', 'AbortError')));
        signal.addEventListener('abort', () => request.abort());
        request.send(file);
    });
}

/* All pages of an export, as the parts of one file. `onProgress` gets the bytes so far. */
export async function fetchLabels(parameters, onProgress, signal) {
    const parts = [];
    let cursor = null, bytes = 0, type = '', hasMore = true;
    while (hasMore) {
        const query = new URLSearchParams({ ...parameters, ...cursor && { cursor }, limit: 10_000 });
        const response = await call(`/v1/export?${query}`, { signal });
        const part = await response.blob();
        parts.push(part);
        bytes += part.size;
        type = response.headers.get('Content-Type');
        cursor = response.headers.get('X-Next-Cursor');
        hasMore = response.headers.get('X-Has-More') === 'true';
        onProgress(bytes);
    }
    return new Blob(parts, { type });
}

export async function fetchFile(path) {
    return call(path).then((response) => response.blob());
}

/* Has the browser save a blob as a file. */
export function save(blob, name) {
    const link = Object.assign(document.createElement('a'), { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
