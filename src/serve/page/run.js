// What is known of a run: its events folded, one after the other, into one object. Pure.

/** The states of a worker job, in the order of the legend. */
export const STATES = ['cited', 'answered', 'unverified', 'none', 'lost', 'running', 'waiting'];

const STOPPED = ['cancelled', 'terminated', 'hung_up'];

export function newRun(id) {
  return {
    id, seq: -1, ms: 0, gaps: 0, state: 'queued', position: null, uploads: [], isForgotten: false, failure: null, job: null,
    protocol: '', chosen: '', local: null, remote: null, documents: [], files: null, pull: null, understood: '',
    routing: null, rounds: [], calls: new Map(), readings: new Map(), egress: null, usage: null, warnings: [],
    hits: [], end: null,
  };
}

function newRound(number, of) {
  return {
    number, of, remote: [], local: [], jobs: [], groups: new Map(), places: new Map(), answered: [],
    counts: Object.fromEntries(STATES.map((state) => [state, 0])), version: 0,
  };
}

// What comes before the first round (a follow-up, a summary), and the one call of a side alone, stands in a round 0.
function round(run, number) {
  const last = run.rounds[run.rounds.length - 1];
  if (number === undefined) return last ?? (run.rounds.push(newRound(0, 0)), run.rounds[0]);
  return run.rounds.find((each) => each.number === number) ?? (run.rounds.push(newRound(number, number)), run.rounds[run.rounds.length - 1]);
}

const lane = (run, side) => (side === 'supervisor' ? round(run).remote : round(run).local);

const isFanOut = (run, event) =>
  event.side === 'embedding' ||
  (event.side === 'worker' && (run.calls.get(event.call)?.purpose === 'worker_job' || (event.call === null && event.role !== 'system' && run.chosen === 'minions')));

const fold = {
  started(run, event) {
    run.state = 'running';
    run.protocol = run.chosen = event.protocol;
    run.local = event.local;
    run.remote = event.remote;
    run.documents = event.documents;
  },
  files(run, event) {
    run.files = event.is_done ? null : event;
    if (event.documents) run.documents = event.documents;
  },
  pull(run, event) {
    run.pull = event.is_done ? null : event;
  },
  understood(run, event) {
    run.understood = event.task;
  },
  routing(run, event) {
    run.routing = event;
    run.chosen = event.escalation?.escalated ? event.escalation.to : event.chosen;
  },
  round(run, event) {
    const [first] = run.rounds;
    // What came before the first round led to it.
    if (run.rounds.length === 1 && first.number === 0) Object.assign(first, { number: event.round, of: event.of });
    else run.rounds.push(newRound(event.round, event.of));
  },
  call(run, event) {
    const known = run.calls.get(event.call);
    if (known) {
      known.text = '';
      return;
    }
    const { call, purpose, side, endpoint } = event;
    const entry = { kind: 'reply', call, purpose, side, endpoint, text: '', isDone: false, program: null };
    run.calls.set(call, entry);
    if (!['worker_job', 'read'].includes(purpose) && side !== 'embedding') lane(run, side).push(entry);
  },
  reading(run, event) {
    if (event.is_done) run.readings.delete(event.call);
    else run.readings.set(event.call, event);
  },
  delta(run, event) {
    const entry = run.calls.get(event.call);
    if (entry) entry.text += event.text;
  },
  message(run, event) {
    run.readings.delete(event.call);
    if (isFanOut(run, event)) return;
    const entry = run.calls.get(event.call);
    if (entry && event.role === 'assistant') Object.assign(entry, { text: event.text, isDone: true });
    else lane(run, event.side).push({ kind: 'sent', side: event.side, role: event.role, text: event.text });
  },
  program(run, event) {
    const entries = round(run, event.round).remote;
    let entry = entries.findLast((each) => each.purpose === 'program' && !each.program);
    if (!entry) entries.push((entry = { kind: 'reply', purpose: 'program', text: '', isDone: true }));
    entry.program = event;
  },
  worker_job(run, event) {
    const into = round(run, event.round);
    const key = `${event.index}.${event.sample}`;
    let job = into.places.get(key);
    if (!job) {
      job = { number: into.jobs.length, round: event.round, task: '', state: '' };
      into.places.set(key, job);
      into.jobs.push(job);
      const task = event.task ?? '';
      if (!into.groups.has(task)) into.groups.set(task, []);
      const group = into.groups.get(task);
      let place = group.length;
      while (place && group[place - 1].index > event.index) place -= 1;
      group.splice(place, 0, job);
    }
    if (job.state) into.counts[job.state] -= 1;
    const wasAnswered = job.answer !== undefined;
    Object.assign(job, event);
    into.counts[job.state] += 1;
    into.version += 1;
    if (!wasAnswered && job.answer !== undefined && job.state !== 'none') into.answered.push(job);
    if (event.state === 'cited' && event.document !== undefined) run.hits.push(job);
  },
  egress(run, event) {
    run.egress = event;
  },
  usage(run, event) {
    run.usage = event;
  },
  warning(run, event) {
    run.warnings.push(event.text);
  },
  finished(run, event) {
    run.readings.clear();
    run.end = event;
    run.state = event.success ? 'done' : STOPPED.includes(event.kind) ? 'cancelled' : 'failed';
  },
};

/** Takes in an event; one that was seen counts once, and one that is missing is told by false. */
export function take(run, event) {
  if (event.seq <= run.seq) return true;
  if (event.seq > run.seq + 1) {
    run.gaps += 1;
    return false;
  }
  run.seq = event.seq;
  run.ms = event.t_ms;
  fold[event.type]?.(run, event);
  return true;
}

export const hasEnded = (run) => run.end !== null || run.failure !== null || ['done', 'failed', 'cancelled'].includes(run.state);

/** The result of a run that has one. */
export const resultOf = (run) => run.end?.envelope?.result ?? null;

/** The place in a run of a document, the `nth` of a file; -1 if the run has it not. A job's own texts come first, then those of its uploads. */
export function placeIn(run, { id, texts }, nth) {
  const own = [run.job?.call_params?.context ?? []].flat().length;
  if (texts) return nth < own ? nth : -1;
  const at = run.uploads.findIndex((each) => each.id === id);
  return at < 0 ? -1 : run.uploads.slice(0, at).reduce((sum, { documents }) => sum + documents, own) + nth;
}

/** Worker jobs over all rounds: how many, and how many have ended. */
export function jobsOf(run) {
  let all = 0;
  let open = 0;
  for (const { jobs, counts } of run.rounds) {
    all += jobs.length;
    open += counts.waiting + counts.running;
  }
  return { all, done: all - open };
}
