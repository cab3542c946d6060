// State that components watch. Changes of one frame are drawn together, so that a burst of events costs one drawing.
import { useEffect, useState } from './preact-htm.js';

const dirty = new Set();
let frame = 0;

function draw() {
  frame = 0;
  const stores = [...dirty];
  dirty.clear();
  for (const store of stores) for (const listener of [...store.listeners]) listener();
}

/** An object and those who watch it. */
export class Store {
  constructor(state) {
    this.state = state;
    this.listeners = new Set();
  }

  /** Takes over fields, and tells the watchers with the next frame. */
  set(fields) {
    Object.assign(this.state, fields);
    this.changed();
  }

  changed() {
    dirty.add(this);
    frame ||= requestAnimationFrame(draw);
  }
}

const changes = { count: 0 };
const always = () => (changes.count += 1);

/** The state of `store`, if there is one; the component is drawn again when it changes, or only when what `select` takes of it does. */
export function useStore(store, select = always) {
  const [, redraw] = useState(null);
  useEffect(() => {
    if (!store) return undefined;
    const listener = () => redraw(select(store.state));
    store.listeners.add(listener);
    listener();
    return () => store.listeners.delete(listener);
  }, [store]);
  return store?.state;
}

const kept = (key) => `minions.${key}`;

/** A value that this tab keeps over a reload. */
export function recall(key, fallback) {
  try {
    return JSON.parse(sessionStorage.getItem(kept(key))) ?? fallback;
  } catch {
    return fallback;
  }
}

/** Keeps a value in this tab, as far as it fits. */
export function keep(key, value) {
  try {
    sessionStorage.setItem(kept(key), JSON.stringify(value));
  } catch {
    // A full or forbidden storage costs the memory of a reload alone.
  }
}
