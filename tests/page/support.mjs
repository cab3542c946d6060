// What the tests share: the real program as a service, the browser, pages that are watched for what must not happen.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const AXE = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PROGRAM = process.env.MINIONS_BIN ?? path.join(process.env.CARGO_TARGET_DIR ?? path.join(import.meta.dirname, '../../target'), 'debug/minions');

// To try changes of the page without building: its files as they lie in this folder.
const FILES = process.env.MINIONS_PAGE;

export const wait = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address();
  await new Promise((resolve) => { server.close(resolve); });
  return port;
}

/** A service of the real program; with `models`, it knows them, else it is a machine where nothing is set up. */
export async function startService({ models, worker = models?.url, args = [] } = {}) {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'minions-page-'));
  fs.mkdirSync(path.join(home, 'minions'));
  const nowhere = 'http://127.0.0.1:9';
  const env = {
    PATH: process.env.PATH, HOME: home, XDG_CONFIG_HOME: home, XDG_STATE_HOME: home, OLLAMA_HOST: nowhere, LEMONADE_BASE_URL: nowhere, TOKASAURUS_BASE_URL: nowhere,
    LLAMA_SERVER_BASE_URL: worker ?? nowhere,
  };
  if (models) {
    fs.writeFileSync(path.join(home, 'minions/minions.toml'), 'local = "llama_server/worker"\nremote = "openai/gpt-4o"\n[prices."openai/gpt-4o"]\ninput = 2.5\noutput = 10\n');
    Object.assign(env, { OPENAI_BASE_URL: `${models.url}/v1`, OPENAI_API_KEY: 'sk-of-the-tests-0123456789' });
  }
  const port = await freePort();
  const service = { url: `http://127.0.0.1:${port}`, home, child: null };
  service.start = async () => {
    service.child = spawn(PROGRAM, ['serve', '--port', String(port), ...args], { cwd: home, env, stdio: ['ignore', 'ignore', 'pipe'] });
    let told = '';
    service.child.stderr.on('data', (data) => { told += data; });
    for (let tries = 0; tries < 400; tries += 1) {
      const answer = await fetch(`${service.url}/healthz`).catch(() => null);
      if (answer?.ok) return service;
      assert.equal(service.child.exitCode, null, `the service ended: ${told}`);
      await wait(25);
    }
    throw new Error(`the service does not answer: ${told}`);
  };
  service.kill = async () => {
    const ended = new Promise((resolve) => { service.child.once('exit', resolve); });
    service.child.kill('SIGKILL');
    await ended;
  };
  service.stop = async () => {
    await service.kill();
    fs.rmSync(home, { recursive: true, force: true });
  };
  return service.start();
}

export const startBrowser = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });

/** A page of the service. What goes to other hosts, and every error, is noted, and told by `check`. */
export async function openPage(browser, service, { at = '/', context, ...options } = {}) {
  const own = context ?? (await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options }));
  own.setDefaultTimeout(15_000);
  const page = await own.newPage();
  const wrong = [];
  page.on('request', (request) => { if (!request.url().startsWith(service.url) && !/^(?:data|blob):/.test(request.url())) wrong.push(`a request to ${request.url()}`); });
  page.on('pageerror', (error) => wrong.push(`an error: ${error.stack}`));
  page.on('console', (message) => { if (message.type() === 'error' && !/Failed to load resource|ERR_CONNECTION|ERR_INCOMPLETE/.test(message.text())) wrong.push(`on the console: ${message.text()}`); });
  if (FILES) {
    await own.route(/\/(?:assets\/[\w.-]+)?(?:#.*)?$/, (route) => {
      const name = new URL(route.request().url()).pathname.replace(/^\/(?:assets\/)?/, '') || 'index.html';
      return route.fulfill({ path: path.join(FILES, name === 'preact-htm.js' ? `vendor/${name}` : name) });
    });
  }
  page.check = () => assert.deepEqual(wrong, []);
  await page.goto(service.url + at);
  return page;
}

export const give = async (page, name, content, mimeType = 'text/plain') => {
  await page.setInputFiles('#pick-files', [{ name, mimeType, buffer: Buffer.from(content) }]);
  await page.locator('.file:not(.sending)', { hasText: name }).waitFor();
};

/** Asks, and waits until the run is on the page. */
export async function ask(page, task, protocol = 'minions') {
  await page.fill('#task', task);
  await page.locator(`input[name=protocol][value=${protocol}]`).check();
  await page.click('button.run');
  await page.locator('.turn', { hasText: task }).waitFor();
}

/** Closes the dialog. Until it is gone, its end takes the focus from whatever is written into next. */
export async function closeDialog(page) {
  await page.keyboard.press('Escape');
  await page.locator('dialog').waitFor({ state: 'detached' });
}

export const ended = (page, timeout = 30_000) => page.locator('.turn:last-of-type:is([data-state=done], [data-state=failed], [data-state=cancelled])').waitFor({ timeout });

/** axe finds nothing, in the light and in the dark. */
export async function isAccessible(page, where) {
  for (const colorScheme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    // Not injected as a script, which the page's policy forbids.
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    const told = violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`).join(' | ')}`);
    assert.deepEqual(told, [], `${where}, ${colorScheme}`);
  }
}

/** The longest task of the page's main thread, in milliseconds of CPU time. */
export function longestTask(trace) {
  const { traceEvents } = JSON.parse(trace);
  const main = new Set(traceEvents.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain').map(({ pid, tid }) => `${pid} ${tid}`));
  const tasks = traceEvents.filter(({ name, pid, tid }) => name.endsWith('RunTask') && main.has(`${pid} ${tid}`));
  assert.ok(tasks.length > 100, 'there is a trace');
  return Math.round(Math.max(...tasks.map(({ tdur }) => tdur ?? 0)) / 1000);
}
