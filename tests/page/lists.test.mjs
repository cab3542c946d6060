// Lists and texts of any length: what is not shown at once is said, and can be had.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openPage, startBrowser, startService } from './support.mjs';

let browser;
let service;
before(async () => {
  [browser, service] = await Promise.all([startBrowser(), startService()]);
});
after(async () => {
  await browser?.close();
  await service?.stop();
});

const json = (body) => ({ contentType: 'application/json', body: JSON.stringify(body) });
const many = (number, one) => Array.from({ length: number }, (_, at) => one(at));

/** A page on which these paths are answered so. */
async function pageOf(answers, at) {
  const context = await browser.newContext();
  for (const [path, answer] of Object.entries(answers)) await context.route((url) => url.pathname === path, (route) => route.fulfill(answer));
  return openPage(browser, service, { context, at });
}

async function growsTo(list, shown, all, more) {
  await list.nth(shown - 1).waitFor();
  assert.equal(await list.count(), shown);
  await more.click();
  await list.nth(all - 1).waitFor();
  assert.equal(await list.count(), all);
  await more.waitFor({ state: 'detached' });
}

test('the ledger, the evidence and the warnings of a run can be had whole', async () => {
  const call = (at) => ({ side: 'supervisor', endpoint: `http://127.0.0.1:9/${at}`, bytes: 10, context_chars: 0, prompt_tokens: 1, completion_tokens: 1, sha256: 'ab'.repeat(32) });
  const result = {
    final_answer: 'Ada', status: 'answered', evidence: many(20, (at) => ({ citation: `${at} ${'word '.repeat(200)}`, verified: false })),
    egress: { bytes: 2500, other_bytes: 0, context_chars: 0, of_context_chars: 9, calls: many(250, call), passages: [] },
  };
  const job = { protocol: { type: 'minion' }, call_params: { task: 'Who?' } };
  const events = [
    { type: 'started', protocol: 'minion', local: { model_name: 'a' }, remote: { model_name: 'b' }, documents: [{ name: 'a.txt', chars: 9 }] },
    ...many(60, (at) => ({ type: 'warning', text: `warning ${at}` })),
    { type: 'finished', success: true, envelope: { success: true, result } },
  ];
  const frames = events.map((event, seq) => `id: ${seq}\nevent: ${event.type}\ndata: ${JSON.stringify({ seq, t_ms: seq, ...event })}\n\n`);
  const run = { id: 'r', state: 'done', created_at: 1, task: 'Who?', job, files: [], is_recorded: false };
  const page = await pageOf({ '/v1/runs/r': json(run), '/v1/runs/r/events': { contentType: 'text/event-stream', body: frames.join('') } }, '/#/run/r');
  const more = (within) => page.locator(within).locator('button', { hasText: 'Show more' });
  await growsTo(page.locator('.evidence li'), 5, 20, more('.evidence'));
  assert.match(await page.locator('.evidence q').first().textContent(), / …$/, 'a quote that is cut says so');
  await page.click('.ledger > summary');
  await growsTo(page.locator('.ledger tbody tr'), 200, 250, more('.ledger'));
  await page.click('.warnings > summary');
  await growsTo(page.locator('.warnings li'), 50, 60, more('.warnings'));
  page.check();
  await page.context().close();
});

test('a log has its whole answer and conversation; the history says that there are more logs', async () => {
  const log = { task: 'Who?', protocol: 'minion', generated_final_answer: `${'word '.repeat(9000)}END`, conversation: many(230, (at) => ({ user: 'remote', prompt: `message ${at}` })) };
  const page = await pageOf({ '/v1/history/l': json(log), '/v1/history': json({ data: [{ id: 'l', task: 'Who?', created_at: 1 }], has_more: true }) }, '/#/log/l');
  const rest = page.locator('.answer button', { hasText: 'Show more' });
  await page.locator('.answer').waitFor();
  while (await rest.count()) await rest.click();
  assert.match(await page.locator('.answer').textContent(), /END/);
  await page.click('.process > summary');
  await growsTo(page.locator('.exchange li'), 200, 230, page.locator('.process button', { hasText: 'Show more' }));
  await page.click('nav >> text=History');
  await page.locator('div.history', { hasText: 'Older logs are in the folder alone.' }).waitFor();
  page.check();
  await page.context().close();
});
