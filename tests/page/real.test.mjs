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

test('a real model reads, and what it says is shown', { skip: !(model && python) && 'MINIONS_TEST_MODEL and MINIONS_TEST_PYTHON are not set' }, async () => {
  const server = spawn(python, [path.join(import.meta.dirname, '../support/llama_server.py'), model], { stdio: ['pipe', 'pipe', 'ignore'] });
  const [line] = await once(server.stdout, 'data');
  const models = await startModels();
  const service = await startService({ models, worker: String(line).trim() });
  const browser = await startBrowser();
  const page = await openPage(browser, service);
  await give(page, 'report.txt', report(20));
  for (const protocol of ['minion', 'minions']) {
    await ask(page, `What was the margin, by ${protocol}?`, protocol);
    await ended(page, 60_000);
    assert.equal(await page.locator('.turn').last().getAttribute('data-state'), 'done');
    await page.locator('.turn').last().locator('.process > summary').click();
    await page.locator('.turn').last().locator(protocol === 'minion' ? '.lane.here .says .words' : '.legend').waitFor();
    await page.click('nav >> text=New');
  }
  page.check();
  await browser.close();
  await service.stop();
  models.stop();
  server.stdin.end();
});
