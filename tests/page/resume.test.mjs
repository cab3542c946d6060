// Whatever happens to the page or the service, a run is taken up where it is, and no event is lost.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { report } from './documents.mjs';
import { startModels } from './models.mjs';
import { ask, ended, give, openPage, startBrowser, startService, wait } from './support.mjs';

let browser;
let models;
let service;
before(async () => {
  [browser, models] = await Promise.all([startBrowser(), startModels()]);
  service = await startService({ models });
});
after(async () => {
  await browser?.close();
  await service?.stop();
  models?.stop();
});

/** What the page knows of the newest run. */
const seen = (page) => page.locator('.turn').last().evaluate((turn) => ({ ...turn.dataset, jobs: Number([...turn.querySelectorAll('.legend b')].reduce((sum, each) => sum + Number(each.textContent), 0)) }));

async function lastSeq(id) {
  const text = await (await fetch(`${service.url}/v1/runs/${id}/events`)).text();
  return Number([...text.matchAll(/^id: (\d+)$/gm)].pop()[1]);
}

test('twenty reloads at random moments: every event counts once', async () => {
  const page = await openPage(browser, service);
  await give(page, 'report.txt', report(600));
  models.script.workerMs = 600;
  models.script.supervisorMs = 1500;
  await ask(page, 'Do you still know where you are?');
  for (let reload = 0; reload < 20; reload += 1) {
    await wait(20 + Math.random() * 230);
    await page.reload({ waitUntil: 'commit' });
  }
  await page.locator('.turn').waitFor();
  await ended(page);
  const { run, seq, gaps } = await seen(page);
  assert.equal(Number(seq), await lastSeq(run));
  assert.equal(gaps, '0');
  await page.click('.process > summary');
  const made = Number(/(\d+) jobs/.exec(await page.locator('.program summary').textContent())[1]);
  assert.equal((await seen(page)).jobs, made);
  page.check();
  await page.context().close();
  Object.assign(models.script, { workerMs: 5, supervisorMs: 20 });
});

test('events that break off behind the end of their run are read to their end', async () => {
  const first = await openPage(browser, service);
  await give(first, 'report.txt', report());
  await ask(first, 'What if the last words are lost?');
  await ended(first);
  const at = `/${new URL(first.url()).hash}`;
  await first.context().close();
  const context = await browser.newContext();
  await context.route(/\/events/, async (route) => {
    const response = await route.fetch();
    const frames = (await response.text()).split('\n\n');
    await route.fulfill({ response, body: `${frames.slice(0, 4).join('\n\n')}\n\n` });
  }, { times: 1 });
  const page = await openPage(browser, service, { context, at });
  await page.locator('.turn .answer').waitFor();
  const { run, seq, gaps } = await seen(page);
  assert.deepEqual([Number(seq), gaps], [await lastSeq(run), '0']);
  page.check();
  await context.close();
});

test('two tabs show the same run; one that is closed and opened again, too', async () => {
  models.script.workerMs = 500;
  const context = await browser.newContext();
  const first = await openPage(browser, service, { context });
  await give(first, 'report.txt', report(400));
  await ask(first, 'Are there two of us?');
  const at = `/#${new URL(first.url()).hash.slice(1)}`;
  const second = await openPage(browser, service, { context, at });
  await second.locator('.turn').waitFor();
  await first.close();
  const third = await openPage(browser, service, { context });
  await third.click('nav >> text=History');
  await third.locator('.history a', { hasText: 'Are there two of us?' }).first().click();
  await Promise.all([ended(second), ended(third)]);
  const [one, other] = [await seen(second), await seen(third)];
  assert.deepEqual(one, other);
  assert.equal(Number(one.seq), await lastSeq(one.run));
  second.check();
  third.check();
  await context.close();
  models.script.workerMs = 5;
});

test('a service that is killed and started again: the page says so, and goes on', async () => {
  const page = await openPage(browser, service);
  await give(page, 'report.txt', report(400));
  models.script.workerMs = 1500;
  await ask(page, 'What if you are killed?');
  await page.locator('.legend li[data-state=running]').waitFor();
  await service.kill();
  await page.locator('.offline').waitFor();
  await service.start();
  await page.locator('.offline').waitFor({ state: 'detached' });
  await page.locator('.turn .refusal', { hasText: 'does not know this run any more' }).waitFor();
  assert.ok((await seen(page)).jobs > 0, 'what had come stays');
  models.script.workerMs = 5;
  // The files are gone with the service: given again, a question is answered.
  await page.click('nav >> text=New');
  await give(page, 'report.txt', report());
  await ask(page, 'And now?');
  await ended(page);
  assert.equal((await seen(page)).state, 'done');
  page.check();
  await page.context().close();
});

test('a token from the address, or typed, opens the page, and stays in no address', async () => {
  const token = 'a'.repeat(16) + 'b'.repeat(16) + 'c'.repeat(16);
  const file = path.join(os.tmpdir(), `minions-page-token-${process.pid}`);
  fs.writeFileSync(file, `ann ${token}\n`, { mode: 0o600 });
  const guarded = await startService({ models, args: ['--token-file', file] });
  const page = await openPage(browser, guarded, { at: `/#token=${token}` });
  await page.locator('.zone select').first().waitFor();
  assert.equal(await page.evaluate(() => location.hash), '');
  await page.reload();
  await page.locator('.zone select').first().waitFor();
  await page.context().close();
  const other = await openPage(browser, guarded);
  await other.fill('dialog[open] #token', token);
  await other.keyboard.press('Enter');
  await other.locator('.zone select').first().waitFor();
  await other.context().close();
  await guarded.stop();
  fs.rmSync(file);
});
