/* A fisherd process, calls to it, and items with readable texts. */

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const PROGRAM = process.env.FISHERD;
const PATIENCE_MS = 30_000;
const run = promisify(execFile);

/* A small network that trains at once, and only on request. */
const SMALL_MODEL = ['--model=network', '--hidden-layers=1', '--hidden-width=8', '--iterations=100', '--retrain-labels=0', '--retrain-seconds=0'];

export async function until(condition, what) {
    for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; await sleep(20)) {
        const value = await condition();
        if (value) {
            return value;
        }
    }
    throw new Error(`waited ${PATIENCE_MS / 1000} s for ${what}`);
}

function environment() {
    return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FISHERD')));
}

export class Daemon {
    #folder = mkdtempSync(join(tmpdir(), 'fisherd-pages-'));
    #listen = '127.0.0.1:0';
    #process = null;
    tokens = {};

    static async start(items = [], roles = []) {
        const daemon = new Daemon();
        for (const role of roles) {
            daemon.tokens[role] = await daemon.makeToken(role);
        }
        await daemon.start();
        if (items.length > 0) {
            await daemon.addItems(items);
        }
        return daemon;
    }

    /* Starts again on the same port, with the same database. */
    async start() {
        const options = [`--db=${join(this.#folder, 'pages.db')}`, `--listen=${this.#listen}`, ...SMALL_MODEL];
        this.#process = spawn(PROGRAM, ['serve', ...options], { env: environment(), stdio: ['ignore', 'ignore', 'pipe'] });
        let log = '';
        this.#process.stderr.on('data', (text) => { log += text; });
        const found = await until(() => {
            assert.equal(this.#process.exitCode, null, `fisherd ended:\n${log}`);
            return /listening="?http:\/\/([^\s"]+)/.exec(log);
        }, 'fisherd to listen');
        this.#listen = found[1];
    }

    get url() {
        return `http://${this.#listen}`;
    }

    async #command(...options) {
        const { stdout } = await run(PROGRAM, ['token', ...options, `--db=${join(this.#folder, 'pages.db')}`], { env: environment() });
        return stdout.trim();
    }

    makeToken(role) {
        return this.#command('create', '--role', role, '--name', `the ${role}`);
    }

    revoke(name) {
        return this.#command('revoke', '--name', name);
    }

    /* SIGKILL ends it like a power cut; SIGTERM asks it to end. */
    async end(signal) {
        const ended = new Promise((resolve) => this.#process.once('exit', resolve));
        this.#process.kill(signal);
        await ended;
    }

    async stop() {
        await this.end('SIGTERM');
        rmSync(this.#folder, { recursive: true });
    }

    async call(method, path, body) {
        const headers = { ...body && { 'Content-Type': 'application/json' },
            ...this.tokens.frontend && { Authorization: `Bearer ${this.tokens.frontend}` } };
        const response = await fetch(this.url + path, { method, body: body && JSON.stringify(body), headers });
        const answer = await response.json();
        assert.ok(response.ok, JSON.stringify(answer));
        return answer;
    }

    addItems(items) {
        return this.call('POST', '/v1/items', { items });
    }

    /* The labels, by their newest revisions. */
    async labels() {
        const { labels } = await this.call('GET', '/v1/labels?limit=1000');
        return [...new Map(labels.map((label) => [label.id, label])).values()];
    }

    untilLabels(count) {
        return until(async () => (await this.labels()).length >= count, `${count} labels`);
    }
}

/* ---- items ---- */

const PARAGRAPH = 'Water boils at a lower temperature on a mountain, for the air presses less on it there. ';

const KINDS = [
    (id) => `This is ${id}, said in one plain sentence.`,
    (id) => `## Answer ${id}\n\n1. **First** do \`this\`\n2. then *that*\n\n> as they say\n\n\`\`\`c\nreturn 0;\n\`\`\``,
    (id) => `هذه هي الإجابة ${id} مكتوبة من اليمين إلى اليسار.`,
    (id) => `${id}: ${PARAGRAPH.repeat(150)}`,
    (id) => `<script>alert("${id}")</script><img src=x onerror=alert(1)> [a link](javascript:alert(1)) ${'long'.repeat(80)}`,
];

export const kind = { plain: 0, markdown: 1, rightToLeft: 2, long: 3, hostile: 4 };

/* Numbers without a pattern, the same in every run. */
function numbers(seed, count) {
    let state = seed * 2654435761 % 2147483647;
    return Array.from({ length: count }, () => (state = state * 48271 % 2147483647) / 1073741824 - 1);
}

/* Responses p0-r0, p0-r1, …: n for each prompt, of all kinds in turn or of one kind. */
export function items(prompts, n, only = null) {
    return Array.from({ length: prompts * n }, (_, i) => {
        const prompt = Math.floor(i / n);
        const id = `p${prompt}-r${i % n}`;
        return { id, prompt_id: `p${prompt}`, prompt: only === null ? `Question **${prompt}**?` : KINDS[only](`question ${prompt}`),
            response: KINDS[only ?? i % KINDS.length](id), embedding: numbers(i + 1, 6) };
    });
}

/* Two responses to one prompt, with the texts that a test gives. */
export function pairOfTexts(left, right, prompt = 'Which one?') {
    return [left, right].map((response, i) => ({ id: `p0-r${i}`, prompt_id: 'p0', prompt, response, embedding: numbers(i + 1, 6) }));
}
