/* A small frontend of one's own: asks for a pair, shows it, sends the answer. The daemon must allow the
 * site that serves it (option cors-origins), and each annotator has a token. */
const pause = (seconds) => new Promise((resolve) => { setTimeout(resolve, 1000 * seconds); });

async function call(url, token, path, body) {
    for (let seconds = 1; ; seconds = Math.min(2 * seconds, 30)) {
        const response = await fetch(url + path, {
            method: 'POST', body: JSON.stringify(body),
            headers: { 'Content-Type': 'application/json', ...token && { Authorization: `Bearer ${token}` } },
        }).catch(() => null); // the connection was lost: a repeat is harmless
        if (response && response.status !== 429 && response.status !== 503) {
            const answer = await response.json();
            if (!response.ok) throw new Error(answer.detail);
            return answer;
        }
        await pause(Number(response?.headers.get('Retry-After')) || seconds);
    }
}

/* `page` has the elements prompt, a, b, status, and choices, whose buttons have a preference as value. */
export async function label(page, { url = '', token, annotator, until = () => false }) {
    while (!until()) {
        const { assignments: [task], reason } = await call(url, token, '/v1/assignments', { annotator });
        page.status.textContent = task ? '' : reason;
        if (!task) { await pause(5); continue; }
        page.prompt.textContent = task.a.prompt;
        page.a.textContent = task.a.response;
        page.b.textContent = task.b.response;
        const start = Date.now();
        const preference = await new Promise((choose) => { page.choices.onclick = (event) => event.target.value && choose(event.target.value); });
        await call(url, token, '/v1/labels', { labels: [{ id: `answer-${task.id}`, a: task.a.id, b: task.b.id, preference,
            annotator, assignment: task.id, duration_ms: Date.now() - start }] });
    }
}
