/*
 * FISHERD=… NODE_MODULES=… node screenshots.mjs FOLDER: pictures of both pages, light and dark, of
 * the demo with simulated annotators.
 */

import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const { chromium } = createRequire(join(process.env.NODE_MODULES, 'of-the-build.js'))('playwright-core');
const [folder] = process.argv.slice(2);
/* The charts need some time to fill. */
const LIVELY_MS = 90_000;

const demo = spawn(process.env.FISHERD, ['demo', '--simulate', '5', '--listen', '127.0.0.1:0', '--retrain-labels', '25'], { stdio: ['ignore', 'pipe', 'ignore'] });
const url = await new Promise((resolve) => demo.stdout.on('data', (text) => resolve(/http:\/\/[^/]+/.exec(text)[0])));
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
const open = async (colorScheme, path, height = 800) => {
    const page = await browser.newPage({ colorScheme, viewport: { width: 1280, height }, reducedMotion: 'reduce' });
    await page.goto(url + path);
    return page;
};

const ops = await Promise.all(['light', 'dark'].map((look) => open(look, '/ops#15m', 1560)));
await sleep(LIVELY_MS);
for (const [look, page] of [['', ops[0]], ['-dark', ops[1]]]) {
    await page.screenshot({ path: join(folder, `ops${look}.png`) });
    const label = await open(look ? 'dark' : 'light', '/');
    await label.locator('#name').fill(look ? 'Ben' : 'Ada');
    await label.keyboard.press('Enter');
    for (let i = 1; i < 12; i++) {
        await label.getByRole('heading', { name: `Pair ${i}`, exact: true }).waitFor();
        await label.keyboard.press(i % 2 ? 'ArrowLeft' : 'ArrowRight');
        await sleep(1500);
    }
    await label.screenshot({ path: join(folder, `label${look}.png`) });
    await label.locator('#sign-out').click();
}
await browser.close();
demo.kill('SIGTERM');
