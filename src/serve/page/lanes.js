// The two sides of a run, round by round: what the worker reads and says here, what the supervisor sees and says there.
import { html, useMemo, useState } from './preact-htm.js';
import { open } from './app-state.js';
import { JobMap, Sign, nameOf } from './map.js';
import { Icon, Long, brief, bytes, cut, plural, seconds } from './parts.js';

const PURPOSES = {
  step: 'thinks', reply: 'answers', program: 'writes a program', synthesis: 'draws the conclusion', answer: 'answers', sample: 'answers, to be compared',
  follow_up: 'puts the question into words that stand alone', summary: 'sums up older turns', transcription: 'writes down a scanned page',
};

const KEYWORDS = /(#[^\n]*)|("""[\s\S]*?"""|'''[\s\S]*?'''|r?"(?:\\.|[^"\\\n])*"|r?'(?:\\.|[^'\\\n])*')|\b(def|return|for|in|if|else|elif|not|and|or|import|from|lambda|None|True|False|while|with|as|try|except|yield|class)\b/g;

/** A program in Python, its comments, strings and keywords told apart. */
function highlighted(text) {
  const nodes = [];
  let end = 0;
  const shown = cut(text, 20_000);
  for (const match of shown.matchAll(KEYWORDS)) {
    nodes.push(shown.slice(end, match.index), html`<span class=${match[1] ? 'remark' : match[2] ? 'string' : 'word'}>${match[0]}</span>`);
    end = match.index + match[0].length;
  }
  return html`<pre class="code" tabindex="0" dir="ltr"><code>${nodes}${shown.slice(end)}</code></pre>`;
}

const Code = ({ text }) => useMemo(() => highlighted(text), [text]);

function Program({ program }) {
  const { code, error, jobs, attempt } = program;
  const title = error ? `Program ${attempt > 1 ? attempt : ''} failed` : `Program${attempt > 1 ? `, attempt ${attempt}` : ''}: ${plural(jobs, 'job')}`;
  return html`<details class=${`entry program ${error ? 'failed' : ''}`} open=${!error}>
    <summary><${Icon} name=${error ? 'cross' : 'check'} />${title}</summary>
    ${error && html`<${Long} tag="pre" class="error" text=${error} />`}
    <${Code} text=${code} /></details>`;
}

// The supervisor's replies are JSON or a program; people read what they say.
function said(text) {
  try {
    const { message, explanation, feedback, answer, decision } = JSON.parse(text.replace(/^```(?:json)?\s*|\s*```$/g, ''));
    return [explanation, message, feedback, answer].filter((part) => typeof part === 'string' && part).join('\n\n') || decision || text;
  } catch {
    return text;
  }
}

function Reply({ entry, who }) {
  const { text, isDone, purpose } = entry;
  const shown = useMemo(() => (isDone ? said(text) : text), [text, isDone]);
  if (entry.program) return html`<${Program} program=${entry.program} />`;
  return html`<div class="entry says"><p class="who">${who} <span>${PURPOSES[purpose] ?? purpose}${isDone ? '' : html`<i class="dots" aria-label="under way">…</i>`}</span></p>
    ${text && html`<${Long} class=${isDone ? 'words' : 'words live'} text=${shown} tail=${!isDone} />`}</div>`;
}

function Sent({ entry, who }) {
  const [isOpen, setOpen] = useState(false);
  return html`<details class="entry sent" open=${isOpen} onToggle=${(event) => setOpen(event.target.open)}><summary>${who} is told · ${brief(entry.text.length)} characters</summary>
    ${isOpen && html`<${Long} class="words" text=${entry.text} />`}</details>`;
}

const Entries = ({ entries, who }) => entries.map((entry, place) => html`<${entry.kind === 'sent' ? Sent : Reply} key=${place} entry=${entry} who=${who} />`);

const LATEST = 5;

function Answers({ round, onOpen }) {
  const [isWhole, setWhole] = useState(false);
  const { answered } = round;
  if (!answered.length) return null;
  // The last stand first while they come; a list of two thousand would hold the page up.
  const shown = isWhole ? answered.slice(-200).reverse() : answered.slice(-LATEST).reverse();
  return html`<ol class="answers">${shown.map((job) => html`<li key=${job.number}>
      <span class="sign-of"><${Sign} state=${job.state} /><span class="hidden">${nameOf(job.state)}</span></span>
      <div><p dir="auto">${cut(job.answer ?? '', 240)}</p>
      ${job.citation && html`<p class="quote" dir="auto">“${cut(job.citation, 220)}”</p>`}
      ${job.document !== undefined && html`<button class="link small" onClick=${() => onOpen(job)} dir="auto">${[job.source ?? `Document ${job.document + 1}`, job.place].filter(Boolean).join(', ')}</button>`}</div></li>`)}</ol>
    ${answered.length > LATEST && html`<button class="quiet" onClick=${() => setWhole(!isWhole)}>${isWhole ? 'Show the latest only' : `Show ${answered.length > 200 ? 'the last 200' : `all ${answered.length}`} answers`}</button>`}`;
}

function Reading({ run }) {
  const all = [...run.readings.values()];
  if (!all.length) return null;
  const read = all.reduce((sum, each) => sum + (each.read ?? 0), 0);
  const total = all.reduce((sum, each) => sum + each.total, 0);
  const left = Math.max(...all.map((each) => each.left_ms ?? 0));
  return html`<div class="reading"><p>Reads ${brief(read)} of ${brief(total)} tokens${left ? ` · ${seconds(left / 1000)} left` : ''}</p><progress aria-label="The worker reads" max=${total} value=${read} /></div>`;
}

function Files({ run }) {
  return html`${run.files && html`<div class="reading"><p>Reads files: ${run.files.read} of ${run.files.of}</p><progress aria-label="Files are read" max=${run.files.of} value=${run.files.read} /></div>`}
    ${run.pull && html`<div class="reading"><p>Fetches ${run.pull.model}: ${run.pull.status} ${run.pull.total ? `${bytes(run.pull.completed)} of ${bytes(run.pull.total)}` : ''}</p><progress aria-label="A model is fetched" max=${run.pull.total || 1} value=${run.pull.total ? run.pull.completed : undefined} /></div>`}`;
}

export function Lanes({ run }) {
  const onOpen = (job) => open({ kind: 'document', run: run.id, document: job.document, at: job });
  const local = run.local?.model_name ?? 'The worker';
  const remote = run.remote?.model_name ?? 'The supervisor';
  return html`<div class="lanes">
    <p class="lane-name here"><span>This machine</span> <b>${local}</b></p><p class="lane-name away"><span>Elsewhere</span> <b>${remote}</b></p>
    ${run.rounds.map((round, place) => html`<section class="round" key=${place} aria-label=${round.number ? `Round ${round.number}` : 'Before the rounds'}>
      ${run.rounds.length > 1 && round.number > 0 && html`<h4 class="round-name">Round ${round.number}</h4>`}
      <div class="lane away"><${Entries} entries=${round.remote} who=${remote} />
        ${!round.remote.length && html`<p class="idle">has not been asked</p>`}</div>
      <div class="lane here">
        ${place === run.rounds.length - 1 && html`<${Reading} run=${run} />`}
        ${round.jobs.length > 0 && html`<${JobMap} round=${round} onOpen=${onOpen} /><${Answers} round=${round} onOpen=${onOpen} />`}
        <${Entries} entries=${round.local} who=${local} />
        ${!round.jobs.length && !round.local.length && html`<p class="idle">${run.end ? 'was not asked' : 'waits'}</p>`}</div>
    </section>`)}
    <div class="lane-more"><${Files} run=${run} /></div>
  </div>`;
}
