// A person's walk through the page: from a machine where nothing is set up to an answer and its quotes.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pdf, report } from './documents.mjs';
import { startModels } from './models.mjs';
import { ask, closeDialog, ended, give, isAccessible, openPage, startBrowser, startService } from './support.mjs';

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

test('a machine where nothing is set up says what is missing, and how to mend it', async () => {
  const bare = await startService();
  const page = await openPage(browser, bare);
  await page.locator('.problems li').first().waitFor();
  assert.ok((await page.locator('.problems .remedy code').count()) > 0);
  assert.ok(await page.locator('button.run').isDisabled());
  await isAccessible(page, 'nothing set up');
  page.check();
  await page.context().close();
  await bare.stop();
});

test('a PDF, both protocols, the map, a quote at its page, what left, what was saved', async () => {
  const page = await openPage(browser, service);
  await isAccessible(page, 'nothing given');
  await give(page, 'annual.pdf', pdf(report()), 'application/pdf');
  assert.match(await page.locator('.file').textContent(), /annual\.pdf.*4 pages.*characters.*tokens/s);
  await page.fill('#task', 'By how much did the margin change?');
  await page.locator('.protocol.minions .cost', { hasText: '$' }).waitFor();
  await page.locator('.estimate').waitFor();
  await isAccessible(page, 'before the run');
  models.script.workerMs = 2500;
  await ask(page, 'By how much did the margin change?');
  await page.locator('.legend li[data-state=running]').waitFor();
  await isAccessible(page, 'under way');
  await ended(page);
  assert.match(await page.locator('.answer').textContent(), /fell by 1\.8 points/);
  assert.equal(await page.locator('.answer strong').textContent(), 'fell');
  assert.equal(await page.locator('.evidence .found').count(), 2);
  assert.match(await page.locator('.left-machine').textContent(), /What left this machine.*kB/s);
  assert.match(await page.locator('.saved').textContent(), /Saved/);
  await isAccessible(page, 'answered');
  await page.locator('.piece', { hasText: '12.3%' }).click();
  const mark = page.locator('mark[data-current]').first();
  await mark.waitFor();
  assert.match(await mark.textContent(), /operating margin of 12\.3%/);
  assert.ok(await page.locator('.page-name', { hasText: 'p. 2' }).count(), 'pages are named');
  await isAccessible(page, 'a document');
  await closeDialog(page);
  models.script.workerMs = 5;

  // A further question, as a turn of the conversation, by the other protocol.
  await ask(page, 'And the year before?', 'minion');
  await ended(page);
  assert.equal(await page.locator('.turn').count(), 2);
  assert.match(await page.locator('.turn').last().textContent(), /Understood as: What was the operating margin in 2021\?/);
  await page.locator('.turn').last().locator('.process > summary').click();
  await page.locator('.lane.here', { hasText: 'In 2023 it was 12.3%' }).waitFor();
  await isAccessible(page, 'two turns');

  // A reload has both turns again.
  await page.reload();
  await page.locator('.turn').nth(1).locator('.answer').waitFor();
  page.check();
  await page.context().close();
});

test('the supervisor alone is asked only after the page has said what would leave', async () => {
  const page = await openPage(browser, service);
  await give(page, 'report.txt', report());
  await ask(page, 'How large was the margin?');
  await ended(page);
  const before = models.script.calls;
  await page.click('text=Really ask the supervisor alone');
  const sheet = page.locator('dialog[open]');
  assert.match(await sheet.textContent(), /characters in 1 document leave this machine.*report\.txt/s);
  await isAccessible(page, 'what would leave');
  assert.equal(models.script.calls, before, 'nothing was asked yet');
  await sheet.locator('text=Send them and ask').click();
  await page.locator('.turn', { hasText: 'For comparison' }).waitFor();
  await ended(page);
  assert.equal(models.script.calls, before + 1);
  page.check();
  await page.context().close();
});

test('stop ends the calls, and what was found stays; run again brings the question back', async () => {
  const page = await openPage(browser, service);
  await give(page, 'report.txt', report());
  models.script.workerMs = 2000;
  await ask(page, 'Stop me?');
  await page.locator('.legend li[data-state=running]').waitFor();
  await page.click('.button.stop');
  await ended(page);
  assert.equal(await page.locator('.turn').getAttribute('data-state'), 'cancelled');
  models.script.workerMs = 5;
  assert.equal(models.script.open, 0, 'no call is open');
  await isAccessible(page, 'stopped');
  await page.click('text=Run again with changes');
  await page.waitForFunction(() => document.querySelector('#task').value === 'Stop me?');
  assert.equal(await page.locator('.file').count(), 1);
  page.check();
  await page.context().close();
});

test('a job as JSON, curl and Python; envelope and log as files; history', async () => {
  const context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'] });
  const page = await openPage(browser, service, { context });
  await give(page, 'report.txt', report());
  await ask(page, 'What was the margin, as a file?');
  await ended(page);
  const copied = async (name) => {
    await page.click('summary:has-text("Copy as")');
    await page.click(`.menu[open] >> text=${name}`);
    const text = await page.evaluate(() => navigator.clipboard.readText());
    await page.keyboard.press('Escape');
    return text;
  };
  const job = JSON.parse(await copied('Job'));
  assert.equal(job.call_params.task, 'What was the margin, as a file?');
  const answer = await fetch(`${service.url}/v1/minions`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(job) });
  assert.equal((await answer.json()).success, true, 'the copied job runs');
  assert.match(await copied('curl'), /curl -sS http.*\/v1\/minions/);
  assert.match(await copied('Python'), /urllib\.request/);
  for (const name of ['Envelope', 'Log']) {
    await page.click('summary:has-text("Download")');
    const [file] = await Promise.all([page.waitForEvent('download'), page.click(`.menu[open] >> text=${name}`)]);
    assert.match(file.suggestedFilename(), /^minions-.*\.json$/);
    await page.keyboard.press('Escape');
  }
  await page.click('nav >> text=History');
  await page.locator('.history li', { hasText: 'as a file?' }).first().waitFor();
  await isAccessible(page, 'history');
  await page.locator('.history li', { hasText: 'as a file?' }).first().locator('a').click();
  await page.locator('.turn .answer').waitFor();
  page.check();
  await context.close();
});

test('two documents of one name are two documents', async () => {
  const page = await openPage(browser, service);
  const file = (text) => ({ name: 'same.txt', mimeType: 'text/plain', buffer: Buffer.from(text) });
  await page.setInputFiles('#pick-files', [file('Nothing of margins stands here.'), file(report())]);
  await page.locator('.file:not(.sending)').nth(1).waitFor();
  await ask(page, 'Which of the two says it?');
  await ended(page);
  const rows = page.locator('.file');
  assert.match(await rows.nth(0).locator('.strip').getAttribute('aria-label'), /^0 quotes/);
  assert.match(await rows.nth(1).locator('.strip').getAttribute('aria-label'), /^2 quotes/);
  await rows.nth(1).locator('button.link').click();
  assert.match(await page.locator('mark[data-current]').first().textContent(), /operating margin/);
  page.check();
  await page.context().close();
});

test('by the keyboard alone: a text, a question, a run, the map, a quote', async () => {
  const page = await openPage(browser, service);
  await page.locator('.zone select').first().waitFor();
  const tabTo = async (selector) => {
    for (let steps = 0; steps < 60; steps += 1) {
      await page.keyboard.press('Tab');
      if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
    }
    assert.fail(`the Tab key does not reach ${selector}`);
  };
  await tabTo('.ways button:nth-child(3)');
  await page.keyboard.press('Enter');
  await tabTo('#paste-text');
  await page.keyboard.insertText(report());
  await tabTo('dialog .primary');
  await page.keyboard.press('Enter');
  await page.locator('.file:not(.sending)').waitFor();
  await tabTo('#task');
  await page.keyboard.type('What do the keys find?');
  await tabTo('input[name=protocol]');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowLeft');
  assert.ok(await page.locator('input[value=minions]').isChecked());
  await tabTo('button.run');
  await page.keyboard.press('Enter');
  await page.locator('.turn').waitFor();
  await ended(page);
  await page.locator('.process > summary').focus();
  await page.keyboard.press('Enter');
  await tabTo('canvas.field');
  await page.keyboard.press('ArrowRight');
  assert.match(await page.locator('.pointed').textContent(), /^Job 2/);
  await page.locator('.piece').first().focus();
  await page.keyboard.press('Enter');
  await page.locator('mark[data-current]').first().waitFor();
  await closeDialog(page);
  await page.waitForFunction(() => document.activeElement.matches('.piece'));
  page.check();
  await page.context().close();
});

test('a recording shows the whole page without models', async () => {
  const replayed = await startService({ args: ['--replay', 'demo'] });
  const page = await openPage(browser, replayed);
  await page.waitForFunction(() => document.querySelector('#task')?.value.includes('telescopes'));
  await isAccessible(page, 'a recording');
  await page.click('button.run');
  await ended(page);
  assert.equal(await page.locator('.evidence h3').textContent(), 'Evidence 7 of 7 quotes found in the documents, word by word');
  await page.locator('.piece').nth(1).click();
  assert.match(await page.locator('mark[data-current]').first().textContent(), /length of the Instrument/);
  page.check();
  await page.context().close();
  await replayed.stop();
});

test('a telephone: nothing is wider than the screen; nothing moves where that is not wanted', async () => {
  const page = await openPage(browser, service, { viewport: { width: 360, height: 740 }, reducedMotion: 'reduce' });
  await give(page, `${'a-very-long-name-'.repeat(12)}.txt`, report());
  await ask(page, `What is ${'verylongword'.repeat(20)}?`);
  await ended(page);
  await page.click('.process > summary');
  const [wide, moving] = await page.evaluate(() => [document.documentElement.scrollWidth, document.getAnimations().length]);
  assert.ok(wide <= 360, `${wide} pixels`);
  assert.equal(moving, 0);
  page.check();
  await page.context().close();
});
