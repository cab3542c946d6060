// A document, opened at a place: what was cited and what left are marked. A part of it is laid out at a time.
import { html, useEffect, useLayoutEffect, useRef, useState } from './preact-htm.js';
import { api } from './api.js';
import { attempt, close } from './app-state.js';
import { Icon, Refusal, Sheet, brief, percent, plural } from './parts.js';
import { resultOf } from './run.js';
import { useStore } from './store.js';
import { Strip } from './strip.js';
import { runOf } from './watch.js';

const AROUND = 12_000;
const STEP = 4096;

/** From characters, as the service counts them, to the units that JavaScript counts. */
function unitsOf(text) {
  if (!/[\ud800-\udbff]/.test(text)) return (character) => Math.min(character, text.length);
  // Every so many characters a post, from which the rest is counted.
  const posts = [0];
  let characters = 0;
  for (let unit = 0; unit < text.length; unit += text.codePointAt(unit) > 0xffff ? 2 : 1) {
    if (characters && characters % STEP === 0) posts.push(unit);
    characters += 1;
  }
  return (character) => {
    let unit = posts[Math.min(posts.length - 1, Math.floor(character / STEP))];
    for (let left = character - STEP * Math.min(posts.length - 1, Math.floor(character / STEP)); left > 0 && unit < text.length; left -= 1) unit += text.codePointAt(unit) > 0xffff ? 2 : 1;
    return unit;
  };
}

const hasPlace = ({ start, end }) => typeof start === 'number' && typeof end === 'number';

// Citations of several places are marked at each of them.
function citedIn(run, index) {
  const known = resultOf(run)?.evidence ?? run.hits.map((job) => ({ ...job, verified: true }));
  return known.flatMap((each) => (each.parts?.length ? each.parts.map((part) => ({ ...each, ...part })) : [each]))
    .filter((each) => each.document === index && hasPlace(each));
}

/** The text from `from` to `to`, cut where a mark or a page begins or ends. */
function pieces(text, from, to, marks, places) {
  const inside = marks.filter(({ begin, stop }) => begin < to && stop > from);
  const pages = places.filter(({ at }) => at >= from && at < to);
  const cuts = [...new Set([from, to, ...inside.flatMap(({ begin, stop }) => [begin, stop]), ...pages.map(({ at }) => at)])]
    .filter((cut) => cut >= from && cut <= to).sort((a, b) => a - b);
  return cuts.slice(0, -1).map((begin, place) => {
    const stop = cuts[place + 1];
    const over = inside.filter((mark) => mark.begin < stop && mark.stop > begin);
    return { begin, words: text.slice(begin, stop), kinds: [...new Set(over.map(({ kind }) => kind))], over, page: pages.find(({ at }) => at === begin)?.place };
  });
}

function Text({ document, marks, current }) {
  const { text, places, units } = document;
  const focus = current?.begin ?? 0;
  const [range, setRange] = useState([Math.max(0, focus - AROUND), Math.min(text.length, focus + AROUND)]);
  const ref = useRef(null);
  const grown = useRef(0);
  const [from, to] = range;
  useEffect(() => {
    if (focus < from || focus > to) setRange([Math.max(0, focus - AROUND), Math.min(text.length, focus + AROUND)]);
  }, [focus]);
  useLayoutEffect(() => {
    const mark = ref.current.querySelector('[data-current]');
    mark?.scrollIntoView({ block: 'center' });
  }, [current, from > focus || to < focus]);
  useLayoutEffect(() => {
    // What was added above must not push away what is read.
    if (grown.current) ref.current.scrollTop += ref.current.scrollHeight - grown.current;
    grown.current = 0;
  }, [from]);
  const earlier = () => { grown.current = ref.current.scrollHeight; setRange([Math.max(0, from - AROUND), to]); };
  const later = () => setRange([from, Math.min(text.length, to + AROUND)]);
  const scroll = () => { const { scrollTop, clientHeight, scrollHeight } = ref.current; if (to < text.length && scrollTop + clientHeight > scrollHeight - 300) later(); };
  const pages = places.map(({ start, place }) => ({ at: units(start), place }));
  return html`<div class="text" ref=${ref} tabindex="0" role="region" aria-label="Text of the document" onScroll=${scroll}>
    ${from > 0 && html`<button class="quiet" onClick=${earlier}><${Icon} name="up" />Earlier (${brief(from)} characters)</button>`}
    <div class="plain-text">${pieces(text, from, to, marks, pages).map(({ begin, words, kinds, over, page }) => html`${page && html`<span class="page-name">${page}</span>`}${
      kinds.length ? html`<mark key=${begin} class=${kinds.join(' ')} data-current=${over.includes(current) ? '' : undefined}>${words}</mark>` : words}`)}</div>
    ${to < text.length && html`<button class="quiet" onClick=${later}><${Icon} name="down" />Later (${brief(text.length - to)} characters)</button>`}
  </div>`;
}

const load = async (id, index) => {
  const document = await api(`/v1/runs/${id}/documents/${index}`);
  return { ...document, places: document.places ?? [], units: unitsOf(document.text) };
};

/** A document of a run. `at` is what it is opened for: a quote or a passage. */
export function Viewer({ run: id, document: index, at }) {
  const run = useStore(runOf(id));
  const [document, setDocument] = useState(null);
  const [error, setError] = useState(null);
  const [current, setCurrent] = useState(null);
  useEffect(() => { attempt(async () => setDocument(await load(id, index)), setError); }, [id, index]);
  if (error) return html`<${Sheet} title="Document" kind="document" onClose=${close}><${Refusal} error=${error} /><//>`;
  if (!document) return html`<${Sheet} title="Document" kind="document" onClose=${close}><p class="soft" role="status">Loading</p><//>`;
  const cited = citedIn(run, index);
  const left = (resultOf(run)?.egress?.passages ?? []).filter((each) => each.document === index);
  const isQuoted = (each) => cited.some(({ start, end }) => start < each.end && end > each.start);
  const mark = (kind) => (each) => ({ begin: document.units(each.start), stop: document.units(each.end), start: each.start, end: each.end, kind: kind ?? (each.verified ? 'cited' : 'unverified') });
  const marks = [...cited.map(mark()), ...left.map(mark('left'))].sort((a, b) => a.begin - b.begin);
  // One step for each place: what left with a quote is the quote's.
  const stops = marks.filter((each) => each.kind !== 'left' || !isQuoted({ start: each.start, end: each.end }));
  const wanted = at && hasPlace(at) ? stops.findIndex(({ start, end }) => start < at.end && end > at.start) : 0;
  const now = current ?? Math.max(0, wanted);
  const move = (by) => setCurrent((now + by + stops.length) % stops.length);
  const chars = run.documents[index]?.chars ?? document.text.length;
  const sum = left.reduce((total, { start, end }) => total + end - start, 0);
  const keys = (event) => {
    if (event.target.closest('button') && event.key === 'Enter') return;
    if (event.key === 'n' || event.key === 'p') move(event.key === 'n' ? 1 : -1);
  };
  return html`<${Sheet} title=${document.name ?? `Document ${index + 1}`} kind="document" onClose=${close}>
    <div class="viewer" onKeyDown=${keys}>
    <div class="viewer-head"><${Strip} chars=${chars} cited=${cited.filter(({ verified }) => verified)} left=${left} />
      <p class="strip-key"><span class="key-cited">${plural(cited.length, 'quote')}</span><span class="key-left">${percent(sum, chars)} left this machine</span>
      ${stops.length > 0 && html`<span class="steps"><button class="plain" aria-label="Previous place" onClick=${() => move(-1)}><${Icon} name="up" /></button>
        <span aria-live="polite">${now + 1} of ${stops.length}</span><button class="plain" aria-label="Next place" onClick=${() => move(1)}><${Icon} name="down" /></button></span>`}</p></div>
    <${Text} document=${document} marks=${marks} current=${stops[now]} /></div><//>`;
}
