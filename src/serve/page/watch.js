// Follows runs: reads their events, takes up the stream where it broke off, and never holds the page up.
import { ApiError, api, stream } from './api.js';
import { offline } from './app-state.js';
import { newRun, take } from './run.js';
import { Store } from './store.js';

// Events are taken in for so many milliseconds at a time; then the page gets its turn.
const SLICE_MS = 8;
const stores = new Map();
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const channel = new MessageChannel();
const turns = [];
channel.port1.onmessage = () => turns.shift()();
const nextTurn = () => new Promise((resolve) => { turns.push(resolve); channel.port2.postMessage(0); });

/** The store of a run, which is followed from now on. */
export function runOf(id, known = {}) {
  let store = stores.get(id);
  if (!store) {
    store = new Store({ ...newRun(id), ...known, seenAt: performance.now() });
    stores.set(id, store);
    follow(store);
  }
  return store;
}

async function follow(store) {
  const run = store.state;
  // However a run ends, its last event says so.
  for (let pause = 250; ; pause = Math.min(2 * pause, 4000)) {
    const before = run.seq;
    try {
      Object.assign(run, pick(await api(`/v1/runs/${run.id}`)));
      store.changed();
      await readEvents(store);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 0) offline(error);
      else if (error.status < 500) {
        Object.assign(run, { isForgotten: error.status === 404, failure: error });
        break;
      }
    }
    if (run.end) break;
    if (run.seq > before) pause = 125;
    await wait(pause);
  }
  store.changed();
}

const pick = ({ state, position, job, task, created_at, is_recorded: isRecorded, files: uploads }) =>
  ({ state, position: position ?? null, job, task, created_at, isRecorded, uploads });

async function readEvents(store) {
  const run = store.state;
  let queue = [];
  const stop = new AbortController();
  let isDraining = false;
  const drain = async () => {
    isDraining = true;
    while (queue.length) {
      const batch = queue;
      queue = [];
      for (let at = 0; at < batch.length; ) {
        const end = performance.now() + SLICE_MS;
        for (; at < batch.length && performance.now() < end; at += 1) {
          if (!take(run, JSON.parse(batch[at]))) return stop.abort();
        }
        run.seenAt = performance.now();
        store.changed();
        if (at < batch.length) await nextTurn();
      }
    }
    isDraining = false;
  };
  const after = run.seq < 0 ? '' : `?after=${run.seq}`;
  try {
    await stream(`/v1/runs/${run.id}/events${after}`, {
      signal: stop.signal,
      onEvent: (_, data) => {
        queue.push(data);
        if (!isDraining) drain();
      },
    });
  } catch (error) {
    if (error.name !== 'AbortError') throw error;
  }
  while (isDraining && !stop.signal.aborted) await nextTurn();
}

/** Ends a run; what it has found stays. */
export const stopRun = (id) => api(`/v1/runs/${id}`, { method: 'DELETE' });
