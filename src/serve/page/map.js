// The map of the chunks: a cell for each worker job, drawn on a canvas, told apart by shape as well as by colour.
import { html, useEffect, useLayoutEffect, useRef, useState } from './preact-htm.js';
import { cut, plural } from './parts.js';
import { STATES } from './run.js';

const NAMES = {
  cited: 'quote found', answered: 'answered', unverified: 'quote not found', none: 'no answer here', lost: 'lost', running: 'reading', waiting: 'waiting',
};
const TONES = { cited: '--here', answered: '--here', unverified: '--doubt', none: '--faint', lost: '--bad', running: '--ink', waiting: '--line-strong' };
// A program with more tasks than this gets one field for all of them.
const MOST_GROUPS = 12;

const sizeFor = (number) => (number <= 80 ? 25 : number <= 300 ? 18 : number <= 900 ? 13 : 10);

function cell(pen, state, x, y, size, tones) {
  const edge = size - Math.max(3, size * 0.18);
  const [middleX, middleY] = [x + edge / 2, y + edge / 2];
  const line = Math.max(1.2, size / 12);
  pen.strokeStyle = pen.fillStyle = tones[state];
  pen.lineWidth = line;
  pen.beginPath();
  const box = (inset) => pen.roundRect(x + inset, y + inset, edge - 2 * inset, edge - 2 * inset, size * 0.14);
  if (state === 'cited') {
    box(0);
    pen.fill();
    pen.strokeStyle = tones.paper;
    pen.lineWidth = line * 1.25;
    pen.beginPath();
    pen.moveTo(x + edge * 0.26, y + edge * 0.53);
    pen.lineTo(x + edge * 0.44, y + edge * 0.71);
    pen.lineTo(x + edge * 0.76, y + edge * 0.3);
  } else if (state === 'answered') {
    box(line / 2);
    pen.stroke();
    pen.beginPath();
    pen.rect(x + edge * 0.3, y + edge * 0.3, edge * 0.4, edge * 0.4);
    pen.fill();
    return;
  } else if (state === 'unverified') {
    box(line / 2);
    pen.stroke();
    pen.font = `700 ${edge * 0.74}px sans-serif`;
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    pen.fillText('?', middleX, middleY + edge * 0.05);
    return;
  } else if (state === 'none') {
    pen.moveTo(x + edge * 0.32, middleY);
    pen.lineTo(x + edge * 0.68, middleY);
  } else if (state === 'lost') {
    pen.moveTo(x + edge * 0.22, y + edge * 0.22);
    pen.lineTo(x + edge * 0.78, y + edge * 0.78);
    pen.moveTo(x + edge * 0.78, y + edge * 0.22);
    pen.lineTo(x + edge * 0.22, y + edge * 0.78);
  } else if (state === 'running') {
    box(line / 2);
    pen.stroke();
    pen.beginPath();
    pen.arc(middleX, middleY, edge * 0.17, 0, 7);
    pen.fill();
    return;
  } else {
    pen.setLineDash([1.5, 2]);
    box(line / 2);
    pen.stroke();
    pen.setLineDash([]);
    return;
  }
  pen.stroke();
}

const dark = matchMedia('(prefers-color-scheme: dark)');
// The cells as they look in this scheme, at this size and sharpness: drawn once, then copied.
const stamps = new Map();

function stamp(state, size) {
  const ratio = devicePixelRatio || 1;
  const key = `${state} ${size} ${ratio} ${dark.matches}`;
  if (!stamps.has(key)) {
    const style = getComputedStyle(document.documentElement);
    const tone = (name) => style.getPropertyValue(name).trim();
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = Math.ceil(size * ratio);
    const pen = canvas.getContext('2d');
    pen.scale(ratio, ratio);
    cell(pen, state, 0, 0, size, { paper: tone('--card'), [state]: tone(TONES[state]) });
    stamps.set(key, canvas);
  }
  return stamps.get(key);
}

/** Draws again when the colours of the page change. */
function useScheme() {
  const [isDark, turn] = useState(dark.matches);
  useEffect(() => {
    const redraw = () => turn(dark.matches);
    dark.addEventListener('change', redraw);
    return () => dark.removeEventListener('change', redraw);
  }, []);
  return isDark;
}

function prepare(canvas, width, height) {
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext('2d');
  pen.scale(ratio, ratio);
  return pen;
}

function Field({ jobs, size, label, chosen, onChoose, onOpen }) {
  const ref = useRef(null);
  const drawn = useRef({ states: [], frame: '' });
  const [width, setWidth] = useState(0);
  const isDark = useScheme();
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry.contentRect.width)));
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  const columns = Math.max(1, Math.floor((width + 2) / size));
  useLayoutEffect(() => {
    if (!width) return;
    const frame = `${width} ${size} ${jobs.length} ${isDark} ${devicePixelRatio}`;
    if (drawn.current.frame !== frame) {
      drawn.current = { states: [], frame, pen: prepare(ref.current, width, Math.ceil(jobs.length / columns) * size) };
    }
    const { states, pen } = drawn.current;
    // Only cells that have changed are drawn.
    jobs.forEach((job, place) => {
      const state = job === chosen ? `${job.state} chosen` : job.state;
      if (states[place] === state) return;
      states[place] = state;
      const [x, y] = [(place % columns) * size, Math.floor(place / columns) * size];
      pen.clearRect(x, y, size, size);
      pen.drawImage(stamp(job.state, size), x + 1, y + 1, size, size);
      if (job !== chosen) return;
      pen.strokeStyle = getComputedStyle(ref.current).color;
      pen.lineWidth = 2;
      pen.strokeRect(x + 1, y + 1, size - 2, size - 2);
    });
  });
  const at = (event) => {
    const box = ref.current.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left) / size);
    return column < columns ? jobs[Math.floor((event.clientY - box.top) / size) * columns + column] : undefined;
  };
  const key = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -Infinity, End: Infinity }[event.key];
    const place = jobs.indexOf(chosen);
    if (event.key === 'Enter' || event.key === ' ') onOpen(chosen);
    else if (step === undefined) return;
    else onChoose(jobs[place < 0 ? 0 : Math.max(0, Math.min(jobs.length - 1, place + step))]);
    event.preventDefault();
  };
  return html`<canvas ref=${ref} class="field" tabindex="0" role="application" aria-roledescription="map of worker jobs" aria-label=${label}
    onKeyDown=${key} onFocus=${() => chosen && jobs.includes(chosen) || onChoose(jobs[0])}
    onMouseMove=${(event) => { const job = at(event); if (job && job !== chosen) onChoose(job); }}
    onClick=${(event) => { const job = at(event); if (job) { onChoose(job); onOpen(job); } }} />`;
}

/** The sign of a state, as in the map. */
export function Sign({ state, size = 16 }) {
  const ref = useRef(null);
  const isDark = useScheme();
  useLayoutEffect(() => {
    ref.current.style.width = `${size}px`;
    prepare(ref.current, size, size).drawImage(stamp(state, size), 0, 0, size, size);
  }, [state, size, isDark]);
  return html`<canvas ref=${ref} class="sign" aria-hidden="true" />`;
}

export const nameOf = (state) => NAMES[state];

/** The map of one round, its legend with the numbers, and the job that is pointed at. */
export function JobMap({ round, onOpen }) {
  const [chosen, choose] = useState(null);
  const { jobs, groups, counts } = round;
  const size = sizeFor(jobs.length);
  const fields = groups.size <= MOST_GROUPS ? [...groups] : [['', jobs]];
  const show = (job) => job?.document !== undefined && onOpen(job);
  return html`<div class="map">
    ${fields.map(([task, own], place) => html`<div class="group" key=${place}>
      ${task && html`<p class="task" dir="auto">${cut(task, 400)}</p>`}
      <${Field} jobs=${own} size=${size} chosen=${chosen} onChoose=${choose} onOpen=${show}
        label=${`Round ${round.number}: ${plural(own.length, 'worker job')}${task ? ` of the task ${cut(task, 120)}` : ''}. Arrow keys go from job to job, Enter opens the quote.`} />
    </div>`)}
    <ul class="legend" aria-label="Worker jobs by state">${STATES.filter((state) => counts[state] || state === 'cited').map((state) => html`
      <li key=${state} data-state=${state}><${Sign} state=${state} size=${15} /><b>${counts[state]}</b> ${NAMES[state]}</li>`)}</ul>
    <p class="pointed" aria-live="polite" dir="auto">${chosen && describe(chosen)}</p>
  </div>`;
}

function describe(job) {
  const where = [job.source ?? (job.document !== undefined ? `document ${job.document + 1}` : ''), job.place].filter(Boolean).join(', ');
  const said = job.answer !== undefined && job.state !== 'none' ? `: ${cut(job.answer, 160)}` : '';
  return `Job ${job.index + 1}${job.chunk_id === null ? '' : `, chunk ${job.chunk_id}`}: ${NAMES[job.state]}${said}${where ? ` (${where})` : ''}`;
}
