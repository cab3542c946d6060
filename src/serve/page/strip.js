// A document as a strip: where it was cited, and what of it left, at their places from its beginning to its end.
import { html } from './preact-htm.js';
import { percent, plural } from './parts.js';

/** `cited` and `left` are lists of `{start, end}` in characters of a document of `chars`. */
export function Strip({ chars, cited = [], left = [], label }) {
  if (!chars) return null;
  const bar = (kind, top, height) => ({ start, end }, place) => html`<rect key=${`${kind}${place}`} class=${kind} y=${top} height=${height}
    x=${(1000 * start) / chars} width=${Math.max(4, (1000 * (end - start)) / chars)} />`;
  // More marks than pixels would only cost time.
  return html`<svg class="strip" viewBox="0 0 1000 10" preserveAspectRatio="none" role="img"
    aria-label=${label ?? `${plural(cited.length, 'quote')} found, ${percent(left.reduce((sum, { start, end }) => sum + end - start, 0), chars)} of the text left`}>
    <rect class="whole" width="1000" height="10" />
    ${left.slice(0, 500).map(bar('left', 0, 10))}${cited.slice(0, 500).map(bar('cited', 6, 4))}</svg>`;
}
