// One question: as it runs, and what came of it.
import { html, useEffect, useState } from './preact-htm.js';
import { attempt, chooseFiles, go, loadFiles, redraft, say } from './app-state.js';
import { PROTOCOLS } from './composer.js';
import { draftOf } from './job.js';
import { Lanes } from './lanes.js';
import { Icon, Refusal, bytes, cut, dollars, plural, seconds, useMore } from './parts.js';
import { Result } from './result.js';
import { hasEnded, jobsOf, resultOf } from './run.js';
import { useStore } from './store.js';
import { stopRun } from './watch.js';

function useClock(run) {
  const [, tick] = useState(0);
  const isOver = hasEnded(run);
  useEffect(() => {
    if (isOver) return undefined;
    const timer = setInterval(() => tick((count) => count + 1), 1000);
    return () => clearInterval(timer);
  }, [isOver]);
  return isOver || run.state === 'queued' ? run.ms : run.ms + performance.now() - run.seenAt;
}

function phase(run) {
  if (run.state === 'queued') return run.position ? `Waits: ${run.position} before it` : 'Waits for its turn';
  if (run.files) return 'Files are read';
  const round = run.rounds[run.rounds.length - 1];
  if (!round) return 'Begins';
  if (round.counts.running + round.counts.waiting > 0) return 'The worker reads';
  const open = [...round.remote, ...round.local].findLast((entry) => entry.kind === 'reply' && !entry.isDone);
  if (open?.side === 'worker' || run.readings.size) return 'The worker reads';
  if (open?.purpose === 'program') return 'The supervisor writes a program';
  return open?.purpose === 'synthesis' ? 'The supervisor concludes' : 'The supervisor thinks';
}

/** The state of a run in one line. */
function Status({ run }) {
  const clock = useClock(run);
  const { all, done } = jobsOf(run);
  const [isStopping, setStopping] = useState(false);
  const round = run.rounds[run.rounds.length - 1];
  const isOver = hasEnded(run);
  const result = resultOf(run);
  const words = { answered: 'Answered', partial: 'Answered in part', no_answer: 'No answer was found' };
  const parts = [
    isOver ? words[result?.status] ?? { cancelled: 'Stopped', done: 'Done' }[run.state] ?? 'Failed' : phase(run),
    PROTOCOLS[run.chosen]?.[0],
    round?.number > 0 && (isOver ? plural(round.number, 'round') : `round ${round.number} of ${round.of}`),
    all > 0 && (isOver ? plural(all, 'job') : `${done} of ${plural(all, 'job')}`),
    seconds((result?.timing?.total_time ?? clock / 1000)),
    !isOver && run.egress && `${bytes(run.egress.bytes)} have left`,
    isOver && run.usage?.usd !== null && dollars(run.usage?.usd),
  ].filter(Boolean);
  const stop = async () => { setStopping(true); await attempt(() => stopRun(run.id), () => setStopping(false)); say('The run is being stopped.'); };
  return html`<div class=${`status ${run.state}`}><p>${!isOver && html`<span class="pulse" aria-hidden="true" />`}${parts.map((part, place) => html`<span key=${place}>${part}</span>${' '}`)}</p>
    ${!isOver && html`<button class="button stop" disabled=${isStopping} onClick=${stop}><${Icon} name="stop" />${isStopping ? 'Stopping' : 'Stop'}</button>`}</div>`;
}

/** Takes the question of a run back to the composer, to be changed. */
export async function again(run) {
  const { draft, files, texts } = draftOf(run.job ?? {});
  redraft(draft);
  // The texts of an example are still here; what a run keeps of them is their number.
  if (!texts.length) await attempt(() => loadFiles(files), () => chooseFiles([]));
  go('#/');
  requestAnimationFrame(() => document.querySelector('#task')?.focus());
}

function Failure({ run }) {
  if (run.isForgotten) return html`<${Refusal} error=${{ message: 'The service does not know this run any more.', hint: run.seq >= 0 ? 'It was started anew while the run was under way. What had come until then stands below.' : 'Runs live as long as the service. The log folder keeps what ended: see History.' }} />`;
  if (run.failure) return html`<${Refusal} error=${run.failure} />`;
  const envelope = run.end?.envelope;
  if (!run.end || envelope?.success) return null;
  if (run.state === 'cancelled') return html`<p class="soft">The run was stopped. What it had found until then stands below.</p>`;
  const message = envelope?.error ?? 'The run failed.';
  const [first, ...rest] = message.split('\n');
  return html`<${Refusal} error=${{ message: cut(first, 1200), hint: cut(rest.join(' '), 1200) }} />`;
}

function Warnings({ texts }) {
  const [shown, more] = useMore(texts, 50);
  return html`<details class="warnings"><summary><${Icon} name="warn" />${plural(texts.length, 'warning')}</summary><ul>${shown.map((text, place) => html`<li key=${place} dir="auto">${cut(text, 1000)}</li>`)}</ul>${more}</details>`;
}

function useEndSaid(run) {
  const isOver = hasEnded(run);
  const [wasOpen] = useState(!isOver);
  useEffect(() => {
    if (isOver && wasOpen) say(resultOf(run) ? 'The answer is there.' : 'The run has ended without an answer.');
  }, [isOver]);
}

export function Turn({ store, isLast }) {
  const run = useStore(store);
  const isOver = hasEnded(run);
  useEndSaid(run);
  const [isShown, setShown] = useState(null);
  const task = run.job?.call_params?.task ?? run.task ?? '';
  const isOpen = isShown ?? (!isOver || run.state === 'cancelled' || run.isForgotten);
  const isComparison = run.job?.metadata?.comparison;
  return html`<article class="turn" tabindex="-1" data-run=${run.id} data-seq=${run.seq} data-gaps=${run.gaps} data-state=${run.state} aria-label=${`Question: ${task.slice(0, 80)}`}>
    <header class="turn-head">${isComparison && html`<p class="zone-name">For comparison, the supervisor alone</p>`}
      <h2 class=${`question ${task.length > 120 ? 'long' : ''}`} dir="auto">${cut(task, 2000)}</h2>
      ${run.understood && run.understood !== task && html`<p class="soft small" dir="auto">Understood as: ${run.understood}</p>`}</header>
    <${Status} run=${run} />
    ${run.routing && html`<p class="soft small" dir="auto">Auto chose ${PROTOCOLS[run.chosen]?.[0] ?? run.chosen}: ${run.routing.escalation?.reason ?? run.routing.reason}</p>`}
    <${Failure} run=${run} />
    ${isOver && resultOf(run) && html`<${Result} run=${run} isLast=${isLast} />`}
    ${run.warnings.length > 0 && html`<${Warnings} texts=${run.warnings} />`}
    ${(run.seq >= 0 || !isOver) && html`<details class="process" open=${isOpen} onToggle=${(event) => event.target.open !== isOpen && setShown(event.target.open)}>
      <summary><h3>${isOver ? 'How it came about' : 'As it happens'}</h3></summary>${isOpen && html`<${Lanes} run=${run} />`}</details>`}
    ${isOver && html`<p class="actions"><button class="button quiet" onClick=${() => again(run)}><${Icon} name="again" />Run again with changes</button></p>`}
  </article>`;
}
