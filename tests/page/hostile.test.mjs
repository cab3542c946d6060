// What models and documents say is text: it runs nothing, breaks nothing, and holds nothing up.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { report } from './documents.mjs';
import { startModels } from './models.mjs';
import { ask, closeDialog, ended, give, isAccessible, longestTask, openPage, startBrowser, startService } from './support.mjs';

const EVIL = '<script>window.pwned = 1</script><img src=x onerror="window.pwned = 1"><a href="javascript:window.pwned=1">x</a> [y](javascript:window.pwned=1) **שלום** مرحبا بالعالم';
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

test('scripts, right-to-left words and a line of a megabyte are shown as text', async () => {
  models.script.answer = `${EVIL}\n\n# ${EVIL}\n\n- ${EVIL}\n\n| a | ${EVIL.replaceAll('|', '')} |\n|---|---|\n| 1 | 2 |\n\n${'w'.repeat(1_000_000)}`;
  models.script.worker = () => ({ explanation: EVIL, citation: `${EVIL}${'c'.repeat(2000)}`, answer: EVIL });
  const page = await openPage(browser, service);
  await give(page, 'evil <b>&amp;.txt', `${EVIL}\n${'d'.repeat(1_000_000)}\n${report()}`);
  models.script.program = `def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    # ${EVIL}
    return [JobManifest(chunk=context[0][:400], task="<script>window.pwned = 1</script>", advice="")]
`;
  await browser.startTracing(page, { categories: ['toplevel'] });
  await ask(page, '<script>window.pwned = 1</script> שלום?');
  await ended(page);
  await page.click('.process > summary');
  await page.locator('.lanes').waitFor();
  const cpu = longestTask(await browser.stopTracing());
  console.log(`# the longest task: ${cpu} ms of CPU time`);
  assert.equal(await page.evaluate(() => window.pwned), undefined);
  assert.equal(await page.locator('main script, main img, main a[href^=javascript]').count(), 0);
  assert.match(await page.locator('.answer').textContent(), /<script>window\.pwned/);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  await isAccessible(page, 'hostile words');
  await page.locator('.document-name button').click();
  await page.locator('.plain-text').waitFor();
  assert.equal(await page.evaluate(() => window.pwned), undefined);
  await closeDialog(page);
  page.check();
  await page.context().close();
});

test('a job that fails says why', async () => {
  models.script.program = 'def prepare_jobs(context, prev_job_manifests, prev_job_outputs):\n    return 1 / 0\n';
  const page = await openPage(browser, service);
  await give(page, 'report.txt', report());
  await ask(page, 'Can you fail?');
  await ended(page);
  await page.locator('.turn .refusal').waitFor();
  await page.click('.process > summary >> nth=0').catch(() => {});
  await isAccessible(page, 'failed');
  page.check();
  await page.context().close();
});
