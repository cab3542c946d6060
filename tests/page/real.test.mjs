// A real small model as the worker, behind llama.cpp's own server; the supervisor is scripted.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';
import { report } from './documents.mjs';
import { startModels } from './models.mjs';
import { ask, ended, give, openPage, startBrowser, startService } from './support.mjs';

const { MINIONS_TEST_MODEL: model, MINIONS_TEST_PYTHON: python } = process.env;

test('a real model reads, and what it says is shown', { skip: !(model && python) && 'MINIONS_TEST_MODEL and MINIONS_TEST_PYTHON are not set' }, async (context) => {
  // One thread: where two have one processor between them, as beside a browser, each waits for the other.
  const env = { ...process.env, LLAMA_ARG_THREADS: '1' };
  const server = spawn(python, [path.join(import.meta.dirname, '../support/llama_server.py'), model], { env, stdio: ['pipe', 'pipe', 'ignore'] });
  context.after(() => server.kill());
  const [line] = await once(server.stdout, 'data');
  const models = await startModels();
  context.after(() => models.stop());
  const service = await startService({ models, worker: String(line).trim() });
  context.after(() => service.stop());
  const browser = await startBrowser();
  context.after(() => browser.close());
  const page = await openPage(browser, service);
  await give(page, 'report.txt', report(6));
  await ask(page, 'What was the margin?');
  await ended(page, 240_000);
  assert.equal(await page.locator('.turn').getAttribute('data-state'), 'done');
  await page.locator('.process > summary').click();
  const counts = await page.locator('.legend b').allTextContents();
  assert.equal(counts.reduce((sum, each) => sum + Number(each), 0), 1);
  page.check();
});
