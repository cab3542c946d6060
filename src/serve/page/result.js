// What came of a run: the answer, its evidence, what left this machine, what that saved, and what can be done with it.
import { html, useState } from './preact-htm.js';
import { blob } from './api.js';
import { app, attempt, close, open } from './app-state.js';
import { start } from './composer.js';
import { asCurl, asJson, asPython } from './job.js';
import { markdown } from './markdown.js';
import { Copy, Icon, Menu, Refusal, Sheet, brief, bytes, count, cut, dollars, download, percent, plural, useMore } from './parts.js';
import { resultOf } from './run.js';
import { useStore } from './store.js';
import { Strip } from './strip.js';

const PART = 8_000;
const FEW = 5;

/** An answer of any length. */
export function Answer({ text }) {
  const [parts, setParts] = useState(1);
  const end = parts * PART;
  return html`<div class="answer">${markdown(text.slice(0, end))}
    ${text.length > end && html`<button class="quiet" onClick=${() => setParts(parts + 1)}>Show more (${brief(text.length - end)} characters are left)</button>`}</div>`;
}

function Evidence({ run, evidence = [] }) {
  // The places that were found say most.
  const [shown, more] = useMore([...evidence].sort((a, b) => Number(b.verified) - Number(a.verified)), FEW, 300);
  if (!evidence.length) return null;
  const found = evidence.filter(({ verified }) => verified).length;
  return html`<section class="evidence"><h3>Evidence <span class="soft">${found} of ${plural(evidence.length, 'quote')} found in the documents, word by word</span></h3>
    <ol>${shown.map((each, place) => html`<li key=${place} class=${each.verified ? 'found' : 'unfound'}>
      <button class="piece" disabled=${each.start === undefined || each.start === null} onClick=${() => open({ kind: 'document', run: run.id, document: each.document, at: each })}>
        <span class="verdict"><${Icon} name=${each.verified ? 'check' : 'doubt'} /><span class="hidden">${each.verified ? 'Found: ' : 'Not found: '}</span></span>
        <span class="piece-words"><q dir="auto">${cut(each.citation, 600)}</q>
        <span class="where" dir="auto">${[each.source ?? (each.document !== undefined && each.document !== null ? `Document ${each.document + 1}` : 'in no document'), each.place].filter(Boolean).join(', ')}${each.verified ? '' : ' · these words do not stand there'}</span></span></button></li>`)}</ol>
    ${more}</section>`;
}

function Left({ run, result }) {
  const { egress, evidence = [] } = result;
  const { calls = [], passages = [], context_chars: chars, of_context_chars: of } = egress ?? {};
  const touched = run.documents.map((document, index) => ({ ...document, index, left: passages.filter((each) => each.document === index), cited: evidence.filter((each) => each.verified && each.document === index) }));
  const [shown, more] = useMore(touched.filter(({ left, cited }) => left.length || cited.length), 8);
  const [listed, moreCalls] = useMore(calls, 200);
  if (!egress) return null;
  return html`<section class="tile left-machine"><h3>What left this machine</h3>
    <p class="figure">${egress.bytes ? bytes(egress.bytes) : 'Nothing'}</p>
    <p class="tile-says">${egress.bytes ? html`in ${plural(calls.length, 'call')}. Of the documents ${chars ? html`<b>${count(chars)} characters, ${percent(chars, of)}</b>` : html`<b>nothing that was recognised</b>`}; ${bytes(egress.other_bytes)} of it are not your own words.` : 'No call went out.'}</p>
    ${shown.map((document) => html`<div class="strip-row" key=${document.index}><button class="link small" dir="auto" onClick=${() => open({ kind: 'document', run: run.id, document: document.index, at: document.left[0] ?? document.cited[0] })}>${document.name ?? `Document ${document.index + 1}`}</button>
      <${Strip} chars=${document.chars} left=${document.left} cited=${document.cited} /></div>`)}
    ${more}${shown.length > 0 && html`<p class="strip-key"><span class="key-left">left</span><span class="key-cited">quoted</span></p>`}
    ${calls.length > 0 && html`<details class="ledger"><summary>The ledger</summary><div class="wide" tabindex="0" role="region" aria-label="The ledger"><table><thead><tr><th>Side</th><th>To</th><th>Bytes</th><th>Characters</th><th>Tokens</th><th>SHA-256</th></tr></thead>
      <tbody>${listed.map((call, place) => html`<tr key=${place}><td>${call.side}</td><td>${call.endpoint}</td><td>${count(call.bytes)}</td><td>${count(call.context_chars)}</td><td>${count(call.prompt_tokens ?? 0)} + ${count(call.completion_tokens ?? 0)}</td><td><code>${call.sha256.slice(0, 12)}</code></td></tr>`)}</tbody></table></div>${moreCalls}</details>`}</section>`;
}

/** Whether a job can be sent again: the service shows one without the texts and pictures that came within it. */
function isWhole(job) {
  const { context, images } = job?.call_params ?? {};
  return [context ?? []].flat().every((each) => typeof each === 'string' || each.text !== undefined) && ![images ?? []].flat().includes('...');
}

function Saved({ run, result }) {
  const { savings } = result;
  if (!savings) return null;
  const { saved_tokens: saved, remote, remote_only: whole, ratio, usd, method } = savings;
  const tokens = (side) => side?.total_tokens ?? (typeof side === 'number' ? side : (side?.prompt_tokens ?? 0) + (side?.completion_tokens ?? 0));
  const [now, then] = [tokens(remote), tokens(whole)];
  const most = Math.max(now, then, 1);
  const canCompare = isWhole(run.job) && run.chosen !== 'remote_only' && run.documents.length > 0 && !app.state.setup?.replay;
  return html`<section class="tile saved"><h3>Saved</h3>
    <p class="figure">${saved > 0 ? html`${brief(saved)} <small>tokens</small>` : 'Nothing'}${usd?.saved > 0 && html` <span class="usd">${dollars(usd.saved)}</span>`}</p>
    <p class="tile-says">${saved > 0 ? html`against sending the documents${ratio ? html`: <b>${Number(ratio.toPrecision(2))} times less</b>` : ''}.` : 'The documents are so short that sending them would cost less.'}</p>
    <dl class="bars"><dt>this run</dt><dd><svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect class="now" width=${Math.max(0.6, (100 * now) / most)} height="6" /></svg><span>${brief(now)}${usd ? ` · ${dollars(usd.remote)}` : ''}</span></dd>
      <dt>documents sent</dt><dd><svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect class="then" width=${(100 * then) / most} height="6" /></svg><span>${brief(then)}${usd ? ` · ${dollars(usd.remote_only)}` : ''}</span></dd></dl>
    ${canCompare && html`<p><button class="button" onClick=${() => open({ kind: 'compare', run })}>Really ask the supervisor alone …</button></p>`}
    <p class="soft small">${method}</p></section>`;
}

const stem = (run) => `minions-${run.id.slice(0, 8)}`;

function Actions({ run }) {
  const [error, setError] = useState(null);
  const { setup } = app.state;
  const { metadata: _, ...job } = run.job ?? {};
  const fetchFile = (path, name) => attempt(async () => download(name, await blob(`/v1/runs/${run.id}/${path}`)), setError);
  return html`<div class="actions"><${Copy} class="button quiet" text=${resultOf(run).final_answer}>Copy answer<//>
    ${isWhole(job) && html`<${Menu} label="Copy as" icon="copy"><${Copy} text=${() => asJson(job)}>Job (JSON)<//><${Copy} text=${() => asCurl(job, setup?.auth)}>curl<//><${Copy} text=${() => asPython(job, setup?.auth)}>Python<//><//>`}
    <${Menu} label="Download" icon="down"><button class="quiet" onClick=${() => download(`${stem(run)}.json`, JSON.stringify(run.end.envelope, null, 2))}>Envelope</button>
      <button class="quiet" onClick=${() => fetchFile('log', `${stem(run)}-log.json`)}>Log</button>
      ${setup?.can_record && run.isRecorded !== false && html`<button class="quiet" onClick=${() => fetchFile('recording', `${stem(run)}-recording.tar`)}>Recording</button>`}<//>
    ${error && html`<${Refusal} error=${error} />`}</div>`;
}

export function Result({ run }) {
  const result = resultOf(run);
  return html`<div class="result">
    <div><h3 class="hidden">Answer</h3><${Answer} text=${result.final_answer ?? ''} /></div>
    <${Actions} run=${run} />
    <${Evidence} run=${run} evidence=${result.evidence} />
    <div class="tiles"><${Left} run=${run} result=${result} /><${Saved} run=${run} result=${result} /></div></div>`;
}

/** The job of a run, for the supervisor alone: an egress limit would refuse it, and what was said before is in its question. */
function alone(run) {
  const { call_params: { history: _, use_retrieval: __, ...params }, protocol, budget: ___, metadata, ...job } = run.job;
  const { prices } = protocol?.kwargs ?? {};
  return {
    ...job, protocol: { type: 'remote_only', kwargs: prices ? { prices } : {} }, call_params: { ...params, task: run.understood || params.task },
    metadata: { before: [...(metadata?.before ?? []), run.id], comparison: run.id },
  };
}

/** Says what would leave, and only then asks the supervisor alone. */
export function Compare({ run }) {
  const [error, setError] = useState(null);
  const chars = run.documents.reduce((sum, document) => sum + document.chars, 0);
  const result = resultOf(run);
  const usd = result?.savings?.usd?.remote_only;
  const whole = result?.savings?.remote_only;
  const tokens = whole?.total_tokens ?? whole;
  const really = () => start(alone(run), setError);
  return html`<${Sheet} title="Send the documents?" kind="small" onClose=${close}><div class="stack">
    <p>The supervisor alone answers the question. For that, <b class="away-words">${count(chars)} characters in ${plural(run.documents.length, 'document')} leave this machine</b>, all of them, to ${run.remote?.model_name} (${run.remote?.type}), with their names:</p>
    <ul class="names">${run.documents.slice(0, 12).map((document, place) => html`<li key=${place} dir="auto">${document.name ?? `Document ${place + 1}`} <span class="soft">${brief(document.chars)} characters</span></li>`)}${run.documents.length > 12 && html`<li>and ${run.documents.length - 12} more</li>`}</ul>
    ${typeof tokens === 'number' && html`<p>That is about ${brief(tokens)} tokens${usd ? ` and ${dollars(usd)}` : ''}.</p>`}
    ${error && html`<${Refusal} error=${error} />`}
    <p class="row"><button class="button" onClick=${close}>Keep them here</button><button class="button away-button" onClick=${really}>Send them and ask</button></p></div><//>`;
}
