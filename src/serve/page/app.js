// The page: its frame, and what the address says is shown in it.
import { html, render, useEffect, useState } from './preact-htm.js';
import { api, setToken } from './api.js';
import { app, attempt, chooseFiles, close, fileOfTexts, go, loadFiles, loadSetup, open, redraft } from './app-state.js';
import { Composer } from './composer.js';
import { Documents, Paste } from './documents.js';
import { History, LogView } from './history.js';
import { draftOf } from './job.js';
import { Pair, Problems, Pull } from './pair.js';
import { Icon, Refusal, Sheet } from './parts.js';
import { Compare } from './result.js';
import { hasEnded, jobsOf } from './run.js';
import { recall, useStore } from './store.js';
import { Turn } from './turn.js';
import { Viewer } from './viewer.js';
import { runOf } from './watch.js';

/** The run of the address and those of the conversation before it. */
async function showRun(id) {
  const known = await attempt(() => api(`/v1/runs/${id}`), () => {});
  const before = known?.job?.metadata?.before ?? [];
  if (known?.job?.call_params?.file_ids && !app.state.files.length) await attempt(() => loadFiles(known.job.call_params.file_ids), () => {});
  const hadBegun = app.state.isBegun;
  app.set({ log: null, isBegun: true, thread: [...before, id].map((each) => runOf(each, each === id && known ? { job: known.job, task: known.task, state: known.state } : {})) });
  // A run that was just begun is brought into sight; a reload leaves the page where it was.
  if (hadBegun) requestAnimationFrame(() => requestAnimationFrame(toNewest));
}

function toNewest() {
  const turn = [...document.querySelectorAll('.turn')].pop();
  turn?.scrollIntoView({ block: 'start' });
  turn?.focus({ preventScroll: true });
}

async function showLog(id) {
  const content = await attempt(() => api(`/v1/history/${encodeURIComponent(id)}`), (error) => app.set({ log: { id, error }, thread: [] }));
  if (content) app.set({ log: { id, content }, thread: [] });
}

function route() {
  const [, kind, id] = /^#\/(run|log)\/(.+)$/.exec(location.hash) ?? [];
  if (kind === 'run') showRun(id);
  else if (kind === 'log') showLog(decodeURIComponent(id));
  else app.set({ thread: [], log: null, isBegun: true });
}

async function begin() {
  await attempt(async () => {
    const setup = await loadSetup();
    const { example } = setup;
    // A recording answers one question: it is filled in, as long as nobody has asked another.
    if (example && !recall('files', []).length) {
      const { draft, files, texts } = draftOf(example);
      redraft(draft);
      if (texts.length) chooseFiles([fileOfTexts(texts)]);
      else await loadFiles(files);
    } else await loadFiles();
  }, (setupError) => app.set({ setupError }));
  route();
}

function Token() {
  const [token, set] = useState('');
  const enter = (event) => { event.preventDefault(); setToken(token.trim()); app.set({ wantsToken: false }); begin(); };
  return html`<${Sheet} title="This service wants a token" kind="small" onClose=${() => {}}><form class="stack" onSubmit=${enter}>
    <p class="soft">It stands in the file that <code>--token-file</code> names. It stays in this tab.</p>
    <label for="token">Token</label><input id="token" type="password" autocomplete="off" value=${token} onInput=${(event) => set(event.target.value)} required />
    <button class="button primary">Enter</button></form><//>`;
}

function Head() {
  const { thread, log, setup } = useStore(app);
  return html`<header class="head"><a class="mark" href="#/" aria-label="minions: new question"><img src="/assets/icon.svg" alt="" width="26" height="26" /><b>minions</b></a>
    <nav aria-label="Page">${(thread.length > 0 || log) && html`<button class="button quiet" onClick=${() => go('#/')}><${Icon} name="plus" />New<span class="wide-only"> question</span></button>`}
    <button class="button quiet" onClick=${() => open({ kind: 'history' })}><${Icon} name="clock" />History</button>
    ${setup && html`<span class="version wide-only">${setup.version}</span>`}</nav></header>`;
}

function Welcome() {
  return html`<section class="welcome"><h1>Ask long documents.<br /><em>They stay on this machine.</em></h1>
    <p>A small model here reads every page. A large one elsewhere does the thinking: it gets your question, and short quotes that answer it. Every quote is looked up in the documents, and every byte that leaves is listed.</p></section>`;
}

function titleOf(run) {
  if (!run) return 'minions';
  const { all, done } = jobsOf(run);
  const task = run.job?.call_params?.task ?? run.task ?? '';
  const state = all ? `${Math.floor((100 * done) / all)} % · ` : '… · ';
  return `${hasEnded(run) ? '' : state}${task.slice(0, 60)} – minions`;
}

function Title() {
  const { thread } = useStore(app);
  const title = titleOf(useStore(thread[thread.length - 1], titleOf));
  useEffect(() => { document.title = title; }, [title]);
  return null;
}

const DIALOGS = { history: History, pull: Pull, paste: Paste, document: Viewer, compare: Compare };

function Page() {
  const { thread, log, dialog, isOffline, setupError, wantsToken, said } = useStore(app);
  const Dialog = dialog && DIALOGS[dialog.kind];
  return html`<${Title} /><${Head} />
    <div class="offline-room" role="status">${isOffline && html`<p class="offline"><${Icon} name="warn" />The service does not answer. This page asks again until it does; nothing is lost that the service still has.</p>`}</div>
    <div class="frame">
      <${Pair} />
      <${Documents} />
      <main id="main">${(thread.length > 0 || log) && html`<h1 class="hidden">minions</h1>`}${setupError && html`<${Refusal} error=${setupError} />`}
        <${Problems} />
        ${!thread.length && !log && html`<${Welcome} />`}
        ${log ? html`<${LogView} />` : thread.map((store, place) => html`<${Turn} key=${store.state.id} store=${store} isLast=${place === thread.length - 1} />`)}
        ${!log && html`<${Composer} />`}</main>
    </div>
    <p class="hidden" aria-live="polite">${said}</p>
    ${wantsToken && html`<${Token} />`}
    ${Dialog && html`<${Dialog} key=${`${dialog.kind}${dialog.document ?? ''}${dialog.at?.start ?? ''}`} ...${dialog} />`}`;
}

addEventListener('hashchange', () => { close(); route(); });
render(html`<${Page} />`, document.querySelector('#app'));
begin();
