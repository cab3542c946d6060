// The question, how it is answered, and what that would cost, before anything is asked.
import { html, useEffect, useRef, useState } from './preact-htm.js';
import { api } from './api.js';
import { among, app, attempt, go, redraft, say } from './app-state.js';
import { jobOf } from './job.js';
import { Icon, Refusal, brief, dollars, percent, plural, seconds } from './parts.js';
import { hasEnded, resultOf } from './run.js';
import { useStore } from './store.js';

/** What each protocol is called, what it is for, and what it does. */
export const PROTOCOLS = {
  auto: ['Auto', 'what costs least', 'The cheapest that can work is chosen, with its reason. If that is the supervisor alone, it is sent the documents.'],
  minions: ['Minions', 'long documents', 'For long documents. The supervisor writes a program that cuts them into small jobs; the worker does these side by side, and every quote is checked.'],
  minion: ['Minion', 'short documents', 'For documents that fit into the worker’s window. The supervisor asks, the worker has read and answers, until it knows enough.'],
  local_only: ['Worker alone', 'nothing leaves', 'The worker reads and answers by itself. Nothing leaves this machine.'],
  remote_only: ['Supervisor alone', 'all of it leaves', 'The supervisor is sent the documents, whole, and answers. Everything leaves this machine.'],
};

/** The conversation so far: the runs in it, and what was said. */
export function spoken(thread) {
  const turns = thread.filter((store) => !store.state.job?.metadata?.comparison && resultOf(store.state)?.conversation_history);
  return { before: thread.map((store) => store.state.id), history: turns.length ? resultOf(turns[turns.length - 1].state).conversation_history : undefined };
}

/** The job of the draft, as the next turn of the conversation. */
function drafted() {
  const { draft, files, thread, setup } = app.state;
  return jobOf({ ...draft, supervisor: among(setup.remote, draft.supervisor) ?? draft.supervisor }, files, spoken(thread));
}

/** Begins the run of a job, and goes to it. */
export async function start(job, into) {
  const query = app.state.draft.record && app.state.setup.can_record ? '?record=true' : '';
  const key = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
  const run = await attempt(() => api(`/v1/runs${query}`, { method: 'POST', json: job, headers: { 'Idempotency-Key': key } }), into);
  if (!run) return false;
  say('The run has begun.');
  go(`#/run/${run.id}`);
  return true;
}

function useEstimate() {
  const { draft, files, setup } = app.state;
  const { protocol, worker, supervisor, about, rounds, bytes, retrieval } = draft;
  const key = JSON.stringify([protocol, worker, supervisor?.model_name, supervisor?.type, about, rounds, bytes, retrieval, files.map(({ id }) => id), setup?.version]);
  useEffect(() => {
    if (!setup) return undefined;
    const stop = new AbortController();
    const ask = async (as) => {
      const job = jobOf({ ...draft, supervisor: among(setup.remote, supervisor) ?? supervisor, task: draft.task.trim() || 'What do the documents say?' }, files, { protocol: as });
      const envelope = await api('/v1/estimate', { method: 'POST', json: job, signal: stop.signal });
      if (!envelope.success) throw new Error(envelope.error);
      return envelope.result;
    };
    const timer = setTimeout(async () => {
      try {
        const of = await ask('auto').catch((error) => { if (error.name === 'AbortError' || error.status === 0) throw error; return null; });
        const estimate = protocol === 'auto' && of ? of : await ask(protocol);
        app.set({ estimate, estimates: of?.routing?.estimates ?? null, estimateError: null });
      } catch (error) {
        if (error.name !== 'AbortError' && error.status !== 0) app.set({ estimate: null, estimateError: error });
      }
    }, 250);
    return () => { clearTimeout(timer); stop.abort(); };
  }, [key]);
}

function costOf(estimate) {
  if (!estimate) return '';
  if (estimate.excluded) return 'can’t work';
  if (!estimate.remote_tokens) return 'free';
  return estimate.usd === null || estimate.usd === undefined ? `${brief(estimate.remote_tokens)} tokens` : dollars(estimate.usd);
}

function Protocols() {
  const { draft, setup, estimate, estimates } = useStore(app);
  const known = setup?.protocols ?? Object.keys(PROTOCOLS);
  return html`<fieldset class="protocols"><legend class="hidden">How it is answered</legend>
    ${Object.entries(PROTOCOLS).filter(([id]) => known.includes(id)).map(([id, [name, aim]]) => {
      const chosen = id === 'auto' ? estimate?.routing?.chosen : id;
      const own = estimates?.find(({ protocol }) => protocol === chosen);
      return html`<label key=${id} class=${`protocol ${id}`}><input type="radio" name="protocol" value=${id} checked=${draft.protocol === id} onChange=${() => redraft({ protocol: id })} />
        <span class="protocol-name">${name}</span><span class="cost">${(id !== 'auto' && costOf(own)) || aim}</span></label>`;
    })}</fieldset>`;
}

/** How long the worker is likely to take, and by what. */
function workerTime({ least_seconds: least, most_seconds: most, basis }) {
  const measured = basis.startsWith('measured') ? 'as its earlier calls were' : 'by what this machine manages';
  return `The worker takes about ${least === most ? '' : `${seconds(least)} to `}${seconds(most)}, ${measured}.`;
}

function Estimate() {
  const { draft, files, estimate, estimates, estimateError, setup } = useStore(app);
  const [, , sentence] = PROTOCOLS[draft.protocol];
  if (estimateError) return html`<p class="sentence">${sentence}</p><p class="caution" dir="auto"><${Icon} name="warn" />${estimateError.message} ${estimateError.hint ?? ''}</p>`;
  const chosen = estimate?.routing?.chosen ?? estimate?.protocol;
  const own = estimates?.find(({ protocol }) => protocol === chosen);
  const whole = estimates?.find(({ protocol }) => protocol === 'remote_only');
  const saves = own && whole && chosen !== 'remote_only' && whole.remote_tokens > own.remote_tokens;
  const leaves = estimate?.leaves;
  const chars = leaves?.context_chars;
  // A recording goes nowhere, and needs no key.
  const isReal = !setup?.replay;
  return html`<p class="sentence">${sentence}</p>
    ${draft.protocol === 'auto' && chosen && files.length > 0 && html`<p class="chosen">It would be <b>${PROTOCOLS[chosen]?.[0] ?? chosen}</b>. <span class="soft" dir="auto">${estimate.routing.reason}</span></p>`}
    ${files.length > 0 && own && html`<p class="estimate"><b>About ${plural(own.remote_tokens, 'remote token')}${own.usd === null || own.usd === undefined ? '' : `, ${dollars(own.usd)}`}</b>${
      saves ? html` <span>in place of ${brief(whole.remote_tokens)}${whole.usd ? ` and ${dollars(whole.usd)}` : ''} for the documents whole: ${percent(whole.remote_tokens - own.remote_tokens, whole.remote_tokens)} less.</span>` : '.'}</p>`}
    ${estimate?.local_time && html`<p class="estimate">${workerTime(estimate.local_time)}</p>`}
    ${own?.excluded && html`<p class="caution" dir="auto"><${Icon} name="warn" />${own.excluded}</p>`}
    ${own?.doubt && !own.excluded && html`<p class="caution" dir="auto"><${Icon} name="warn" />${own.doubt}</p>`}
    ${chars > 0 && html`<p class="caution away-words"><${Icon} name="warn" />${brief(chars)} characters of the documents leave this machine.</p>`}
    ${isReal && leaves?.documents_go_to && html`<p class="caution"><${Icon} name="warn" />The worker is not on this machine: the documents go to ${leaves.documents_go_to}.</p>`}
    ${estimate?.egress_refusal && html`<p class="caution" dir="auto"><${Icon} name="warn" />${estimate.egress_refusal}</p>`}
    ${isReal && estimate?.missing_keys?.length > 0 && html`<p class="caution"><${Icon} name="warn" />${estimate.missing_keys.map(({ problem, hint }) => `${problem}${hint ? `: ${hint}` : ''}. `)}</p>`}
    ${leaves?.document_names?.length > 0 && !chars && html`<p class="soft small">The supervisor is told the ${leaves.document_names.length === 1 ? 'name of the document' : `names of ${leaves.document_names.length} documents`}${leaves.doc_metadata ? ' and your description' : ''}.</p>`}`;
}

function More() {
  const { draft, setup } = useStore(app);
  const field = (id, label, props, after = '') => html`<label for=${id}>${label}</label><span class="with"><input id=${id} ...${props} />${after}</span>`;
  const number = (key, most) => ({ type: 'number', min: 1, max: most, value: draft[key], onInput: (event) => redraft({ [key]: event.target.value }) });
  return html`<details class="more"><summary>Options</summary><div class="options">
    ${field('about', 'What the documents are', { value: draft.about, placeholder: 'Annual report of a shipping company', onInput: (event) => redraft({ about: event.target.value }), class: 'long' })}
    ${field('rounds', 'Rounds at most', number('rounds', 1000))}
    ${field('limit-bytes', 'Let no more leave than', { ...number('bytes'), placeholder: 'no limit' }, 'bytes besides your own words')}
    ${field('limit-time', 'Stop after', { ...number('seconds'), placeholder: 'no limit' }, 'seconds')}
    ${setup?.can_record && html`<label for="record">Record</label><span class="with"><input id="record" type="checkbox" checked=${draft.record} onChange=${(event) => redraft({ record: event.target.checked })} /> every exchange with the models, to be replayed without them</span>`}
    <label for="retrieval">Search</label><span class="with"><input id="retrieval" type="checkbox" checked=${draft.retrieval} onChange=${(event) => redraft({ retrieval: event.target.checked })} /> the program may search chunks by words (BM25)</span>
  </div></details>`;
}

/** The question. While a run is under way, the page has nothing to ask. */
export function Composer() {
  const { thread, setup } = useStore(app);
  const run = useStore(thread[thread.length - 1], hasEnded);
  const isOver = run && hasEnded(run);
  // A recording has the answer to one question.
  return (!run || (isOver && !setup?.replay)) && html`<${Question} />`;
}

function Question() {
  const { draft, files, thread, setup } = useStore(app);
  const [error, setError] = useState(null);
  const [isStarting, setStarting] = useState(false);
  const ref = useRef(null);
  useEstimate();
  const isShort = thread.length > 0 && !draft.task;
  const canRun = setup && draft.task.trim() && !isStarting;
  const submit = async (event) => {
    event?.preventDefault();
    if (!canRun) return;
    setStarting(true);
    setError(null);
    if (await start(drafted(), setError)) redraft({ task: '' });
    setStarting(false);
  };
  useEffect(() => {
    const area = ref.current;
    area.style.height = 'auto';
    area.style.height = `${Math.min(area.scrollHeight + 2, 360)}px`;
  }, [draft.task]);
  return html`<form class="composer" onSubmit=${submit} aria-label="Question">
    <label class="hidden" for="task">${thread.length ? 'A further question' : 'Your question'}</label>
    <textarea id="task" ref=${ref} rows="2" dir="auto" placeholder=${thread.length ? 'Ask on: “And the year before?”' : 'What do you want to know?'} value=${draft.task}
      onInput=${(event) => redraft({ task: event.target.value })} onKeyDown=${(event) => event.key === 'Enter' && (event.ctrlKey || event.metaKey) && submit(event)} />
    ${!isShort && html`<${Protocols} />`}
    <div class=${`before ${isShort ? 'short' : ''}`}><div class="says">${isShort ? html`<p class="soft">The same documents and models; what was said counts as known.</p>` : html`<${Estimate} />`}</div>
      <button class="button primary run" disabled=${!canRun}>Run<kbd aria-hidden="true">Ctrl ⏎</kbd></button></div>
    ${!files.length && draft.task && html`<p class="soft small">There is no document yet: the models would answer from what they know.</p>`}
    ${!isShort && html`<${More} />`}
    ${error && html`<${Refusal} error=${error} />`}
  </form>`;
}
