// The documents at the left: given, read, measured, and where they were cited.
import { html, useEffect, useRef, useState } from './preact-htm.js';
import { api } from './api.js';
import { app, attempt, chooseFiles, close, open } from './app-state.js';
import { Icon, Sheet, brief, bytes, plural } from './parts.js';
import { placeIn, resultOf } from './run.js';
import { useStore } from './store.js';
import { Strip } from './strip.js';
import { dropped, forget, picked, upload } from './upload.js';

const documentsOf = (files) => files.flatMap((file) => file.minions?.documents ?? []);

// What of the document is known to be cited, and to have left, in the newest run.
function marksOf(run, index) {
  if (!run?.documents[index]) return null;
  const result = resultOf(run);
  const here = ({ document }) => document === index;
  return { cited: (result?.evidence?.filter(({ verified }) => verified) ?? run.hits).filter(here), left: (result?.egress?.passages ?? []).filter(here) };
}

function One({ document, index, run, runId, within = '' }) {
  const { name, chars, pages, tokens, warnings = [] } = document;
  const marks = marksOf(run, index);
  const shown = name.startsWith(within) ? name.slice(within.length) : name;
  return html`<div class="document">
    <p class="document-name" dir="auto" title=${name}>${marks ? html`<button class="link" onClick=${() => open({ kind: 'document', run: runId, document: index })}>${shown}</button>` : shown}</p>
    <p class="figures">${[pages && plural(pages, 'page'), `${brief(chars)} characters`, tokens !== undefined && `${brief(tokens)} tokens`].filter(Boolean).join(' · ')}</p>
    ${warnings.map((text) => html`<p class="caution" dir="auto"><${Icon} name="warn" />${text}</p>`)}
    ${marks && html`<${Strip} chars=${chars} cited=${marks.cited} left=${marks.left} />`}
  </div>`;
}

async function remove(file) {
  const { files, thread } = app.state;
  chooseFiles(files.filter((each) => each !== file));
  // A run of this conversation may be run again, and then needs its files.
  const isUsed = thread.some((store) => store.state.job?.call_params?.file_ids?.includes(file.id));
  if (!isUsed) await attempt(() => api(`/v1/files/${file.id}`, { method: 'DELETE' }));
}

const FEW = 6;

function FileRow({ file, run, runId }) {
  const [isWhole, setWhole] = useState(false);
  const documents = file.minions?.documents ?? [];
  const isOne = documents.length === 1 && documents[0].name === file.filename;
  const shown = isWhole ? documents : documents.slice(0, FEW);
  return html`<li class="file">
    ${!file.texts && html`<button class="plain remove" aria-label=${`Remove ${file.filename}`} onClick=${() => remove(file)}><${Icon} name="cross" /></button>`}
    ${!isOne && html`<p class="document-name" dir="auto">${file.filename}</p><p class="figures">${plural(documents.length, 'document')} · ${bytes(file.bytes)}</p>`}
    <div class=${isOne ? '' : 'nested'}>${shown.map((document, nth) => html`<${One} key=${nth} document=${document} index=${run ? placeIn(run, file, nth) : -1} within=${isOne ? '' : `${file.filename}/`} run=${run} runId=${runId} />`)}
    ${documents.length > shown.length && html`<button class="quiet" onClick=${() => setWhole(true)}>Show all ${documents.length}</button>`}</div>
  </li>`;
}

export function Documents() {
  const { files, uploads, thread, setup } = useStore(app);
  const last = thread[thread.length - 1];
  const run = useStore(last, ({ hits, end, documents }) => `${hits.length} ${end !== null} ${documents.length}`);
  const [isOver, setOver] = useState(false);
  const input = useRef(null);
  const folder = useRef(null);
  useEffect(() => {
    const over = (event) => { if (event.dataTransfer?.types.includes('Files')) { event.preventDefault(); setOver(true); } };
    const leave = (event) => { if (!event.relatedTarget) setOver(false); };
    const drop = async (event) => {
      event.preventDefault();
      setOver(false);
      upload(await dropped(event.dataTransfer));
    };
    const paste = (event) => {
      if (/^(?:input|textarea)$/i.test(event.target.tagName)) return;
      const given = [...event.clipboardData.files];
      const text = event.clipboardData.getData('text/plain');
      if (given.length) upload(given.map((file) => ({ file, name: file.name })));
      else if (text.trim()) open({ kind: 'paste', text });
      else return;
      event.preventDefault();
    };
    const listeners = { dragover: over, dragleave: leave, drop, paste };
    for (const [name, listener] of Object.entries(listeners)) addEventListener(name, listener);
    return () => { for (const [name, listener] of Object.entries(listeners)) removeEventListener(name, listener); };
  }, []);
  const all = documentsOf(files);
  const sum = (key) => all.reduce((total, document) => total + (document[key] ?? 0), 0);
  const take = (event) => { upload(picked(event.target)); event.target.value = ''; };
  return html`<section class=${`documents ${isOver ? 'over' : ''} ${files.length + uploads.length ? '' : 'empty'}`} aria-labelledby="documents-title">
    <h2 id="documents-title" class="zone-name">Documents</h2>
    <ul class="files">${files.map((file) => html`<${FileRow} key=${file.id} file=${file} run=${run} runId=${last?.state.id} />`)}
      ${uploads.map((one) => html`<li class="file sending" key=${`up${one.key}`}>
        <p class="document-name" dir="auto">${one.name}</p>
        ${one.error ? html`<p class="caution bad" role="alert" dir="auto"><${Icon} name="warn" />${one.error.message} ${one.error.hint ?? ''}</p><button class="quiet" onClick=${() => forget(one)}>Dismiss</button>`
          : html`<p class="figures" role="status">${one.isReading ? 'being read' : `${Math.round(100 * one.sent)} %`}</p><progress aria-label=${`Upload of ${one.name}`} max="1" value=${one.isReading ? undefined : one.sent} />`}
      </li>`)}</ul>
    ${all.length > 1 && html`<p class="total">${plural(all.length, 'document')} · ${brief(sum('chars'))} characters · ${brief(sum('tokens'))} tokens</p>`}
    ${!setup?.replay && html`<div class="drop">
      <p>${files.length ? 'Drop more here' : html`<b>Drop files, a folder or a zip here</b>`}</p>
      ${!files.length && html`<p class="soft">PDF, Word, Excel, PowerPoint, EPUB, HTML, mail, text, code. They are read on this machine.</p>`}
      <p class="ways"><button class="button" onClick=${() => input.current.click()}><${Icon} name="plus" />Files</button>
        <button class="button" onClick=${() => folder.current.click()}>Folder</button>
        <button class="button" onClick=${() => open({ kind: 'paste', text: '' })}>Paste text</button></p>
      <input ref=${input} id="pick-files" type="file" multiple hidden onChange=${take} aria-label="Files" />
      <input ref=${folder} id="pick-folder" type="file" webkitdirectory hidden onChange=${take} aria-label="Folder" />
    </div>`}
  </section>`;
}

/** A text from the clipboard becomes a document with a name. */
export function Paste({ text: given }) {
  const [text, setText] = useState(given);
  const [name, setName] = useState('pasted.txt');
  const take = (event) => {
    event.preventDefault();
    const file = new File([text], name.trim() || 'pasted.txt', { type: 'text/plain' });
    upload([{ file, name: file.name }]);
    close();
  };
  return html`<${Sheet} title="Paste text" onClose=${close}><form class="stack" onSubmit=${take}>
    <label for="paste-text">Text</label><textarea id="paste-text" rows="14" value=${text} dir="auto" onInput=${(event) => setText(event.target.value)} required />
    <label for="paste-name">Its name</label><input id="paste-name" value=${name} onInput=${(event) => setName(event.target.value)} />
    <button class="button primary">Take it as a document</button></form><//>`;
}
