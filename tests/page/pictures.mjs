// Takes the pictures of docs/images anew, of the run that `serve --replay demo` replays: `node pictures.mjs [FOLDER]`.
// As the tests, it takes the program from MINIONS_BIN and the browser from CHROMIUM.
import path from 'node:path';
import { ended, openPage, startBrowser, startService } from './support.mjs';

const folder = process.argv[2] ?? path.join(import.meta.dirname, '../../docs/images');
const service = await startService({ args: ['--replay', 'demo'] });
const browser = await startBrowser();

async function taken(name, { height, colorScheme = 'light' }, show) {
  const page = await openPage(browser, service, { viewport: { width: 1200, height }, deviceScaleFactor: 1.5, colorScheme, reducedMotion: 'reduce' });
  const part = (await show(page)) ?? page;
  await part.screenshot({ path: path.join(folder, `${name}.png`) });
  page.check();
  await page.context().close();
}

/** The page is told of a run what came before its `jobs`th worker job had an answer or none, and waits for the rest. */
async function stopsAt(page, jobs) {
  let isTold = false;
  await page.route(/\/v1\/runs\/[^/]+$/, async (route) => {
    const answer = await route.fetch();
    return route.fulfill({ response: answer, json: { ...(await answer.json()), state: 'running' } });
  });
  await page.route(/\/events/, async (route) => {
    if (isTold) return null;
    isTold = true;
    const answer = await route.fetch();
    const events = (await answer.text()).split('\n\n');
    const ends = events.flatMap((event, at) => (/"state":"(?:answered|none)"/.test(event) ? [at] : []));
    return route.fulfill({ response: answer, body: `${events.slice(0, ends[jobs]).join('\n\n')}\n\n` });
  });
}

try {
  await taken('page-running', { height: 900 }, async (page) => {
    await stopsAt(page, 9);
    await page.click('button.run');
    await page.locator('.legend li[data-state=answered]').waitFor();
  });
  await taken('page-left', { height: 900 }, async (page) => {
    await page.click('button.run');
    await ended(page);
    return page.locator('.tiles');
  });
  await taken('page-document', { height: 760, colorScheme: 'dark' }, async (page) => {
    await page.click('button.run');
    await ended(page);
    await page.locator('.piece').nth(1).click();
    await page.locator('mark[data-current]').first().waitFor();
  });
} finally {
  await browser.close();
  await service.stop();
}
