// Small pieces that all of the page is made of: figures for people, icons, long texts, dialogs.
import { html, useEffect, useRef, useState } from './preact-htm.js';

const grouped = new Intl.NumberFormat('en');
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });

export const count = (number) => grouped.format(number);
export const brief = (number) => (number < 10_000 ? grouped.format(number) : short.format(number).toLowerCase().replace('m', ' M').replace('k', 'k'));
export const plural = (number, one, many = `${one}s`) => `${brief(number)} ${number === 1 ? one : many}`;

export function bytes(number) {
  const units = ['bytes', 'kB', 'MB', 'GB'];
  let unit = 0;
  for (; number >= 1000 && unit < 3; unit += 1) number /= 1000;
  return `${unit ? number.toPrecision(3).replace(/\.0+$/, '') : number} ${units[unit]}`;
}

export function dollars(number) {
  if (number === null || number === undefined) return '';
  if (number === 0) return '$0';
  return Math.abs(number) < 0.0005 ? 'under $0.001' : `$${number < 1 ? number.toFixed(3).replace(/0$/, '') : number.toFixed(2)}`;
}

export function seconds(number) {
  if (number < 10) return `${number.toFixed(1)} s`;
  return number < 120 ? `${Math.round(number)} s` : `${Math.floor(number / 60)} min ${Math.round(number % 60)} s`;
}

export function percent(part, whole) {
  if (!whole) return '0 %';
  const share = (100 * part) / whole;
  if (share > 0 && share < 0.1) return 'under 0.1 %';
  return `${share < 10 ? Number(share.toFixed(1)) : Math.round(share)} %`;
}

const ICONS = {
  check: 'M3.5 8.5l3 3 6-7', cross: 'M4 4l8 8M12 4l-8 8', doubt: 'M5.5 6a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.9-1.1 1.8M8 12.4v.2',
  page: 'M4 2h5l3 3v9H4zM9 2v3h3', up: 'M8 12V4M4.5 7.5L8 4l3.5 3.5', down: 'M8 4v8M4.5 8.5L8 12l3.5-3.5', stop: 'M4.5 4.5h7v7h-7z',
  right: 'M4 8h8M8.5 4.5L12 8l-3.5 3.5', left: 'M12 8H4M7.5 4.5L4 8l3.5 3.5', clock: 'M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 0 0 0-11M8 5v3.2l2 1.3',
  copy: 'M6 5.5h7v8H6zM3 10.5v-8h7', plus: 'M8 3.5v9M3.5 8h9', again: 'M12.5 6A5 5 0 1 0 13 9M12.8 3v3.2H9.6', warn: 'M8 2.5l6 11H2zM8 6.5v3M8 11.4v.2',
};

/** A drawn sign beside words that say the same. */
export const Icon = ({ name }) => html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d=${ICONS[name]} /></svg>`;

// Laying out one text costs by its length, so a long one is shown in parts of this many characters.
const PART = 6000;
const TAIL = 1000;

/** A text of any length from anywhere, as text. */
export function Long({ text, tag = 'div', class: name = '', tail = false }) {
  const [parts, setParts] = useState(1);
  if (tail && text.length > TAIL) return html`<${tag} class=${name} dir="auto">… ${text.slice(-TAIL)}<//>`;
  const end = parts * PART;
  // It may scroll, and then needs the keyboard.
  return html`<${tag} class=${name} dir="auto" tabindex="0">${text.slice(0, end)}<//>
    ${text.length > end && html`<button class="quiet" onClick=${() => setParts(parts + 1)}>Show more (${brief(text.length - end)} characters are left)</button>`}`;
}

/** The first of a long list, and a button for more of it: all at once would hold the page up. */
export function useMore(all, first, step = first) {
  const [most, setMost] = useState(first);
  const left = all.length - most;
  return [all.slice(0, most), left > 0 && html`<button class="quiet" onClick=${() => setMost(most + step)}>Show more (${brief(left)} are left)</button>`];
}

/** The beginning of a text, with a mark where it was cut. */
export const cut = (text, most) => (text.length > most ? `${text.slice(0, most)} …` : text);

/** A dialog over the page; Escape and a click beside it close it, and the focus returns. */
export function Sheet({ title, onClose, children, kind = '' }) {
  const ref = useRef(null);
  useEffect(() => {
    const dialog = ref.current;
    dialog.showModal();
    // The browser gives the focus back to what had it.
    return () => dialog.close();
  }, []);
  const id = `sheet-${kind || 'plain'}`;
  return html`<dialog ref=${ref} class="sheet ${kind}" aria-labelledby=${id} onCancel=${(event) => { event.preventDefault(); onClose(); }}
    onMouseDown=${(event) => event.target === ref.current && onClose()}>
    <div class="sheet-inside">
      <header class="sheet-head"><h2 id=${id} dir="auto">${title}</h2>
        <button class="plain" aria-label="Close" onClick=${onClose}><${Icon} name="cross" /></button></header>
      ${children}
    </div></dialog>`;
}

/** A refusal with its remedy. */
export const Refusal = ({ error, children }) => html`<div class="refusal" role="alert">
  <p><${Icon} name="warn" /><strong dir="auto">${error.message}</strong></p>
  ${error.hint && html`<p class="soft" dir="auto">${error.hint}</p>`}${children}</div>`;

/** A button that copies, and says that it has. */
export function Copy({ text, children, class: name = 'quiet' }) {
  const [isDone, setDone] = useState(false);
  const copy = async () => {
    const value = typeof text === 'function' ? text() : text;
    await copyText(value);
    setDone(true);
    setTimeout(() => setDone(false), 1600);
  };
  return html`<button class=${name} onClick=${copy}><${Icon} name=${isDone ? 'check' : 'copy'} /><span aria-live="polite">${isDone ? 'Copied' : children}</span></button>`;
}

// The clipboard's own interface exists on safe addresses alone, which a service in a private network has not.
async function copyText(value) {
  if (navigator.clipboard) return navigator.clipboard.writeText(value);
  const area = document.createElement('textarea');
  area.value = value;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  return area.remove();
}

/** Gives a file to the person. */
export function download(name, content) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content]));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** A menu that a button opens. */
export function Menu({ label, icon, children }) {
  const ref = useRef(null);
  const [isOpen, setOpen] = useState(false);
  const shut = (event) => {
    if (event.key === 'Escape') {
      ref.current.open = false;
      ref.current.querySelector('summary').focus();
    }
  };
  useEffect(() => {
    const away = (event) => { if (!ref.current?.contains(event.target) && ref.current) ref.current.open = false; };
    document.addEventListener('click', away);
    return () => document.removeEventListener('click', away);
  }, []);
  return html`<details class="menu" ref=${ref} onKeyDown=${shut} onToggle=${(event) => setOpen(event.target.open)}><summary class="button quiet"><${Icon} name=${icon} />${label}</summary>
    ${isOpen && html`<div class="menu-items">${children}</div>`}</details>`;
}
