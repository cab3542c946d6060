// The two models and the border between them: which they are, whether they can be used, what crosses.
import { html, useState } from './preact-htm.js';
import { ApiError, stream } from './api.js';
import { among, app, attempt, close, loadSetup, open, redraft, say } from './app-state.js';
import { Copy, Icon, Refusal, Sheet, bytes, percent } from './parts.js';
import { resultOf } from './run.js';
import { useStore } from './store.js';

const nameOf = ({ type, model_name }) => `${model_name} · ${type}`;

const shownName = ({ model_name, model_path }) => (model_path ? model_name.split('/').pop() : model_name);

// Those of one server stand together; of vendors those that can be used.
function groupOf(model) {
  if (!('key' in model)) return model.type;
  return !model.key || model.key.is_set ? 'Ready' : 'No key is set';
}

function Models({ id, label, models, chosen, onChoose, empty }) {
  const groups = [...new Set(models.map(groupOf))].sort((a, b) => Number(b === 'Ready') - Number(a === 'Ready'));
  return html`<label class="role" for=${id}>${label}</label>
    ${models.length === 0 ? html`<p class="nothing" id=${id}>${empty}</p>` : html`
    <select id=${id} value=${chosen ? nameOf(chosen) : ''} onChange=${(event) => onChoose(models.find((model) => nameOf(model) === event.target.value))}>
      ${groups.map((group) => html`<optgroup key=${group} label=${group}>${models.filter((model) => groupOf(model) === group).map((model) => html`
        <option key=${nameOf(model)} value=${nameOf(model)} selected=${model === chosen}>${shownName(model)}${'key' in model ? ` · ${model.type}` : ''}</option>`)}</optgroup>`)}
    </select>`}`;
}

/** Another model of the vendor that is chosen. */
function Other({ supervisor, setup }) {
  const [isOpen, setOpen] = useState(false);
  const take = (event) => {
    event.preventDefault();
    const name = new FormData(event.target).get('name').trim();
    const { prices, ...client } = supervisor;
    const other = { ...client, model_name: name };
    if (name && !among(setup.remote, other)) setup.remote.push(other);
    if (name) redraft({ supervisor: other });
    setOpen(false);
  };
  if (!isOpen) return html`<button class="quiet" onClick=${() => setOpen(true)}>Another model</button>`;
  return html`<form class="other" onSubmit=${take}><label class="hidden" for="other-model">Name of another model of ${supervisor.type}</label>
    <input id="other-model" name="name" placeholder=${supervisor.model_name} spellcheck="false" autofocus /><button class="button">Take it</button></form>`;
}

const LOCAL_TYPES = ['ollama', 'llama_cpp', 'docker_model_runner', 'lemonade', 'mlx', 'tokasaurus', 'local'];

// What crosses the border, in words, before a run and after.
function crossing(run, protocol) {
  const result = run && resultOf(run);
  const now = result?.egress ?? run?.egress;
  if (now) return now.bytes ? [`${bytes(now.bytes)}`, `${percent(now.context_chars, now.of_context_chars)} of the text`] : ['nothing', 'has left'];
  if (protocol === 'remote_only') return ['the documents', 'all of them'];
  if (protocol === 'local_only') return ['nothing', 'leaves'];
  return ['your question', 'and short quotes'];
}

function Crossing() {
  const { draft, thread } = useStore(app);
  const run = useStore(thread[thread.length - 1], (state) => `${state.egress?.bytes} ${state.end !== null}`);
  const [what, more] = crossing(run, draft.protocol);
  return html`<div class=${`border ${draft.protocol === 'remote_only' && !run ? 'all' : ''}`}><p class="crossing"><b>${what}</b> <span>${more}</span><${Icon} name="right" /></p></div>`;
}

export function Pair() {
  const { setup, draft } = useStore(app);
  if (!setup) return html`<section class="pair loading" aria-hidden="true"></section>`;
  const worker = among(setup.local, draft.worker);
  const supervisor = among(setup.remote, draft.supervisor);
  const isHereToo = supervisor && LOCAL_TYPES.includes(supervisor.type);
  return html`<section class="pair" aria-label="The two models">
    <div class="zone here">
      <p class="zone-name">This machine</p>
      <${Models} id="worker" label="The worker reads the documents" models=${setup.local} chosen=${worker} onChoose=${(model) => redraft({ worker: model })} empty="No model found here" />
      <p class="beside">${worker && !setup.replay ? [worker.type, worker.size && bytes(worker.size)].filter(Boolean).join(' · ') : ''}
        ${setup.can_pull && html`<button class="quiet" onClick=${() => open({ kind: 'pull' })}><${Icon} name="down" />Get a model</button>`}</p>
    </div>
    <${Crossing} />
    <div class="zone away">
      <p class="zone-name">${isHereToo ? 'This machine, too' : 'Elsewhere'}</p>
      <${Models} id="supervisor" label="The supervisor does the thinking" models=${setup.remote} chosen=${supervisor} onChoose=${(model) => redraft({ supervisor: model })} empty="No model is configured" />
      <div class="beside">${supervisor?.key && html`<span class=${supervisor.key.is_set ? 'key' : 'key missing'}><${Icon} name=${supervisor.key.is_set ? 'check' : 'cross'} /><code>${supervisor.key.env}</code> ${supervisor.key.is_set ? 'is set' : 'is not set'}</span>`}
        ${supervisor && !setup.replay && html`<${Other} supervisor=${supervisor} setup=${setup} />`}</div>
    </div>
  </section>`;
}

/** What is missing, each with its remedy. */
export function Problems() {
  const { setup, draft } = useStore(app);
  if (!setup) return null;
  const supervisor = among(setup.remote, draft.supervisor);
  const problems = setup.problems ?? [];
  const ask = () => attempt(loadSetup);
  return html`${setup.replay && html`<p class="notice"><${Icon} name="again" /><span>A recording is replayed, without a model, a key or a network. It answers this question.</span></p>`}
  ${problems.length > 0 && html`<section class="problems" aria-labelledby="problems-title">
    <h2 id="problems-title">${problems.length === 1 ? 'One thing is missing' : 'Some things are missing'}</h2>
    <ul>${problems.map(({ what, remedy }) => html`<li key=${what}><p dir="auto">${what}</p>${remedy && html`<p class="remedy"><code dir="auto">${remedy}</code><${Copy} text=${remedy}>Copy<//></p>`}</li>`)}</ul>
    <button class="button" onClick=${ask}><${Icon} name="again" />Look again</button>
  </section>`}`;
}

/** Fetches a model for the worker, with its progress. */
export function Pull() {
  const { setup } = useStore(app);
  const [model, setModel] = useState('llama3.2:3b');
  const [progress, setProgress] = useState(null);
  const [error, setError] = useState(null);
  const type = setup.local.find((each) => ['ollama', 'docker_model_runner'].includes(each.type))?.type ?? 'ollama';
  const [by, setBy] = useState(type);
  const pull = async (event) => {
    event.preventDefault();
    setError(null);
    setProgress({ status: 'asking', completed: 0, total: 0 });
    await attempt(() => stream('/v1/pull', {
      method: 'POST', json: { type: by, model: model.trim() },
      onEvent(kind, data) {
        const value = JSON.parse(data);
        if (kind === 'error') throw new ApiError(200, value.error ?? value);
        if (kind === 'progress') setProgress(value);
      },
    }).then(loadSetup).then(() => { redraft({ worker: among(app.state.setup.local, { type: by, model_name: model.trim() }) ?? app.state.draft.worker }); say(`${model} is here.`); close(); }), setError);
    setProgress(null);
  };
  return html`<${Sheet} title="Get a model" kind="small" onClose=${close}>
    <form class="stack" onSubmit=${pull}>
      <p class="soft">For real work take an instruction-tuned model of 3 to 8 billion parameters. It is fetched by the model server on this machine, once.</p>
      <label for="pull-model">Name of the model</label>
      <input id="pull-model" value=${model} onInput=${(event) => setModel(event.target.value)} spellcheck="false" required />
      <label for="pull-type">Model server</label>
      <select id="pull-type" value=${by} onChange=${(event) => setBy(event.target.value)}><option value="ollama">Ollama</option><option value="docker_model_runner">Docker Model Runner</option></select>
      ${progress && html`<div class="pulling"><progress max=${progress.total || 1} value=${progress.total ? progress.completed : undefined} aria-label="Progress" />
        <p role="status">${progress.status}${progress.total ? ` · ${bytes(progress.completed)} of ${bytes(progress.total)}` : ''}</p></div>`}
      ${error && html`<${Refusal} error=${error} />`}
      <button class="button primary" disabled=${progress !== null}>Get it</button>
    </form><//>`;
}
