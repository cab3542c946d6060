// 2,048 worker jobs: the page never stops, and shows the end of each at once.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { after, before, test } from 'node:test';
import { report } from './documents.mjs';
import { manyJobs, startModels } from './models.mjs';
import { ask, ended, give, longestTask, openPage, startBrowser, startService } from './support.mjs';

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

/** Notes when the page shows how many ends of worker jobs. */
const noteEnds = (page) => page.evaluate(() => {
  window.shown = [];
  new MutationObserver(() => {
    const [done] = [...document.querySelectorAll('.status span')].map((span) => /^([\d,]+) of [\d,]+ jobs/.exec(span.textContent)?.[1]).filter(Boolean);
    if (done) window.shown.push([Number(done.replace(',', '')), Date.now()]);
  }).observe(document.querySelector('main'), { subtree: true, childList: true, characterData: true });
});

test('the end of each worker job is shown', async () => {
  models.script.program = manyJobs(200);
  models.script.workerMs = 400;
  models.script.supervisorMs = 600;
  models.script.ends = [];
  const page = await openPage(browser, service);
  await give(page, 'long.txt', report(1000));
  await noteEnds(page);
  await ask(page, 'How late are you?');
  await ended(page);
  const shown = await page.evaluate(() => window.shown);
  assert.equal(shown.at(-1)[0], 200);
  const late = models.script.ends.map((end, at) => shown.find(([done]) => done > at)[1] - end).sort((a, b) => a - b);
  console.log(`# a worker's end is on the page after ${late[Math.floor(late.length / 2)]} ms, p95 ${late[Math.floor(late.length * 0.95)]} ms`);
  page.check();
  await page.context().close();
  models.script.supervisorMs = 20;
});

test('2,048 worker jobs are counted, each once, while the page stays awake', async () => {
  models.script.program = manyJobs(2048);
  models.script.workerMs = 20;
  const page = await openPage(browser, service);
  await give(page, 'long.txt', report(1000));
  await page.evaluate(() => {
    window.long = [];
    new PerformanceObserver((list) => window.long.push(...list.getEntries().map(({ duration }) => Math.round(duration)))).observe({ type: 'longtask' });
  });
  await browser.startTracing(page, { categories: ['toplevel'] });
  await ask(page, 'Are there two thousand?');
  await ended(page, 90_000);
  const cpu = longestTask(await browser.stopTracing());
  await page.locator('.process > summary').click();
  const states = await page.locator('.legend b').allTextContents();
  assert.equal(states.reduce((sum, each) => sum + Number(each), 0), 2048);
  const long = await page.evaluate(() => window.long);
  console.log(`# long tasks by the clock: ${JSON.stringify(long)} ms; by CPU time at most ${cpu} ms`);
  // By the time of the CPU, so that a busy machine does not count.
  assert.ok(cpu <= 50, `a task of ${cpu} ms`);
  page.check();

  // The same events at once, as a second tab has them.
  const other = await openPage(browser, service, { context: page.context(), at: new URL(page.url()).hash.replace('#', '/#') });
  await other.locator('.turn .answer').waitFor();
  assert.equal(await other.locator('.turn').getAttribute('data-seq'), await page.locator('.turn').getAttribute('data-seq'));
  other.check();
  await page.context().close();
});

test('the page weighs at most 60 kB compressed, and no file of it names another host', () => {
  const folder = path.join(import.meta.dirname, '../../src/serve/page');
  const files = [...fs.readdirSync(folder), 'vendor/preact-htm.js'].filter((name) => /\.(?:html|js|css|svg)$/.test(name));
  const all = Buffer.concat(files.map((name) => fs.readFileSync(path.join(folder, name))));
  const size = zlib.gzipSync(all, { level: 9 }).length;
  assert.ok(size <= 60_000, `${size} bytes`);
  for (const name of files) {
    const text = fs.readFileSync(path.join(folder, name), 'utf8').replaceAll('http://www.w3.org/', '');
    assert.ok(!/https?:\/\/\w/.test(text), name);
    assert.ok(name.startsWith('vendor/') || !/innerHTML|eval\(|document\.write/.test(text), name);
  }
});
