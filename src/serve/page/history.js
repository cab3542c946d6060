// What was asked before: the runs that the service still holds, and the logs in its folder.
import { html, useEffect, useState } from './preact-htm.js';
import { api } from './api.js';
import { app, attempt, close, go } from './app-state.js';
import { PROTOCOLS } from './composer.js';
import { Icon, Long, Refusal, Sheet, cut, download, useMore } from './parts.js';
import { Answer } from './result.js';
import { useStore } from './store.js';

const STATE_WORDS = { queued: 'waits', running: 'under way', done: 'answered', failed: 'failed', cancelled: 'stopped', answered: 'answered', partial: 'answered in part', no_answer: 'no answer' };
const when = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const time = (seconds) => (seconds ? when.format(new Date(1000 * seconds)) : '');

function Item({ task, at, protocol, state, href, models }) {
  return html`<li><a href=${href} onClick=${close}><span class="item-task" dir="auto">${cut(task ?? 'Without a question', 240)}</span>
    <span class="soft small"><span class=${`badge ${state}`}>${STATE_WORDS[state] ?? state ?? ''}</span> ${[time(at), PROTOCOLS[protocol]?.[0] ?? protocol, models].filter(Boolean).join(' · ')}</span></a></li>`;
}

export function History() {
  const [runs, setRuns] = useState(null);
  const [logs, setLogs] = useState(null);
  const [error, setError] = useState(null);
  const [hasMoreLogs, setMoreLogs] = useState(false);
  const [wanted, setWanted] = useState('');
  useEffect(() => {
    attempt(async () => {
      const [known, written] = [await api('/v1/runs'), await api('/v1/history')];
      setRuns(known.data);
      setLogs(written.data);
      setMoreLogs(written.has_more);
    }, setError);
  }, []);
  const fits = ({ task }) => (task ?? '').toLowerCase().includes(wanted.toLowerCase());
  const held = new Set((runs ?? []).map(({ id }) => id));
  // The log of a run is called by it.
  const older = (logs ?? []).filter((log) => !held.has(log.id)).filter(fits);
  const own = (runs ?? []).filter(fits);
  const [ownShown, moreOwn] = useMore(own, 200);
  return html`<${Sheet} title="History" kind="history" onClose=${close}>
    ${error && html`<${Refusal} error=${error} />`}
    <label class="hidden" for="history-search">Search</label><input id="history-search" type="search" placeholder="Search the questions" value=${wanted} onInput=${(event) => setWanted(event.target.value)} />
    <div class="history">
    ${own.length > 0 && html`<h3>This service</h3><ul>${ownShown.map((run) => html`<${Item} key=${run.id} task=${run.task} at=${run.created_at} protocol=${run.protocol} state=${run.state} href=${`#/run/${run.id}`} />`)}</ul>${moreOwn}`}
    ${older.length > 0 && html`<h3>From the log folder</h3><ul>${older.map((log) => html`<${Item} key=${log.id} task=${log.task} at=${log.created_at} protocol=${log.protocol} state=${log.error ? 'failed' : 'answered'} models=${[log.local_client?.model_name, log.remote_client?.model_name].filter(Boolean).join(' + ')} href=${`#/log/${encodeURIComponent(log.id)}`} />`)}</ul>`}
    ${hasMoreLogs && html`<p class="soft">Older logs are in the folder alone.</p>`}
    ${runs && logs && !own.length && !older.length && html`<p class="soft">${wanted ? 'No question has these words.' : 'Nothing has been asked yet.'}</p>`}</div><//>`;
}

const textOf = (value) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2));

function Exchange({ entries }) {
  const [shown, more] = useMore(entries, 200);
  return html`<details class="process"><summary><h3>The conversation</h3></summary><ol class="exchange">${shown.map((entry, place) => html`<li key=${place}>
    <p class="who">${entry.user ?? entry.role ?? ''}</p><${Long} class="words" text=${textOf(entry.prompt ?? entry.content ?? '')} />${entry.output !== undefined && html`<${Long} class="words" text=${textOf(entry.output)} />`}</li>`)}</ol>${more}</details>`;
}

/** A log of the folder, read again. */
export function LogView() {
  const { log } = useStore(app);
  if (!log) return null;
  if (log.error) return html`<${Refusal} error=${log.error} />`;
  const { task, conversation = [], generated_final_answer: answer, error, protocol, local_client: local, remote_client: remote } = log.content;
  return html`<article class="turn"><header class="turn-head"><p class="zone-name">From the log folder</p><h2 class="question" dir="auto">${cut(task ?? '', 2000)}</h2></header>
    <p class="soft small">${[PROTOCOLS[protocol]?.[0] ?? protocol, local?.model_name, remote?.model_name].filter(Boolean).join(' · ')}</p>
    ${answer && html`<div><h3 class="hidden">Answer</h3><${Answer} text=${textOf(answer)} /></div>`}
    ${error && html`<${Refusal} error=${{ message: cut(textOf(error), 1200) }} />`}
    ${Array.isArray(conversation) && conversation.length > 0 && html`<${Exchange} key=${log.id} entries=${conversation} />`}
    <p class="actions"><button class="button quiet" onClick=${() => download(`${log.id}.json`, JSON.stringify(log.content, null, 2))}><${Icon} name="down" />Download the log</button>
      <button class="button quiet" onClick=${() => go('#/')}><${Icon} name="plus" />New question</button></p></article>`;
}
