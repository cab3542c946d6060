// The state of the page outside of runs, and what changes it.
import { api } from './api.js';
import { Store, keep, recall } from './store.js';

const emptyDraft = {
  task: '', protocol: 'auto', worker: null, supervisor: null, about: '', rounds: 3, bytes: '', seconds: '', retrieval: false, record: false,
};

export const app = new Store({
  setup: null, setupError: null, isOffline: false, wantsToken: false,
  files: [], uploads: [], draft: { ...emptyDraft, ...recall('draft', {}) },
  thread: [], log: null, estimate: null, estimates: null, estimateError: null, dialog: null, said: '', isBegun: false,
});

/** Changes what is about to be asked; a reload keeps it. */
export function redraft(fields) {
  const draft = { ...app.state.draft, ...fields };
  keep('draft', draft);
  app.set({ draft });
}

/** Tells a screen reader, in one sentence. */
export const say = (said) => app.set({ said });

export const open = (dialog) => app.set({ dialog });
export const close = () => app.set({ dialog: null });

let isAsking = false;

/** The service does not answer: says so, and asks until it does. */
export async function offline() {
  if (isAsking) return;
  isAsking = true;
  app.set({ isOffline: true });
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 700));
    try {
      await loadSetup();
      break;
    } catch (error) {
      if (error.status) break;
    }
  }
  isAsking = false;
  app.set({ isOffline: false });
  attempt(() => loadFiles(undefined, true));
}

/** Does `action`; a refusal is shown where `into` puts it, and a silent service is waited for. */
export async function attempt(action, into) {
  try {
    return await action();
  } catch (error) {
    if (error.status === 0) offline();
    if (error.status === 401) app.set({ wantsToken: true });
    else into?.(error);
    return undefined;
  }
}

const isSame = (a, b) => a && b && a.type === b.type && a.model_name === b.model_name;
const unlike = (models) => models.filter((model, place) => model && models.findIndex((each) => isSame(each, model)) === place);
const hasKey = ({ key }) => !key || key.is_set;
/** The one of `models` that is `wanted`. */
export const among = (models, wanted) => models.find((model) => isSame(model, wanted));

/** Asks what the service has; a pair that is gone gives way to the first. */
export async function loadSetup() {
  const setup = await api('/v1/setup');
  const { draft } = app.state;
  const { example, pairs } = setup;
  const [pair] = pairs;
  // A recording knows its models by name; addresses are no job's business here.
  for (const side of example ? ['local_client', 'remote_client'] : []) example[side] = { type: example[side].type, model_name: example[side].model_name };
  // A recording answers its own models alone. Else what is configured stands with what was found.
  setup.local = unlike(setup.replay && example ? [example.local_client] : [...setup.local, ...pairs.map(({ local }) => local)]);
  setup.remote = unlike(setup.replay && example ? [example.remote_client] : [...setup.remote, ...pairs.map(({ remote }) => remote), draft.supervisor]);
  const worker = among(setup.local, draft.worker) ?? among(setup.local, pair?.local) ?? setup.local[0] ?? null;
  const supervisor = among(setup.remote, draft.supervisor) ?? among(setup.remote, pair?.remote)
    ?? setup.remote.find(hasKey) ?? setup.remote[0] ?? null;
  app.set({ setup, setupError: null, wantsToken: false });
  redraft({ worker, supervisor });
  return setup;
}

/** The files of this tab, as the service still has them. */
export async function loadFiles(ids, isAnew = false) {
  const { data } = await api('/v1/files');
  // What was given while the list was on its way is not in it.
  const known = isAnew ? data : [...data, ...app.state.files];
  chooseFiles((ids ?? recall('files', [])).map((id) => known.find((file) => file.id === id)).filter(Boolean));
}

export function chooseFiles(files) {
  keep('files', files.filter(({ texts }) => !texts).map(({ id }) => id));
  app.set({ files });
}

/** Texts that an example brings itself, as a file that is not the service's. */
export function fileOfTexts(texts) {
  const documents = texts.map((each, place) => {
    const text = each.text ?? each;
    return { name: each.name ?? `Document ${place + 1}`, chars: [...text].length, tokens: Math.round(text.length / 4) };
  });
  return { id: 'example', filename: documents[0].name, bytes: 0, texts, minions: { documents } };
}

/** The address within the page. */
export const go = (place) => { location.hash = place; };
