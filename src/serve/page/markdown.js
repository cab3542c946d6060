// Markdown of a model to nodes of the page. Nothing of it is ever read as HTML.
import { h } from './preact-htm.js';

// Each part is bounded, so that no text takes longer than its length.
const SAFE_LINK = /^(?:https?:|mailto:)/i;
const INLINE = /(`{1,3})([^`]{1,2000})\1(?!`)|\*\*([^*]{1,2000})\*\*|__([^_]{1,2000})__|\*([^*\s][^*]{0,2000})\*|(?<!\w)_([^_\s][^_]{0,2000})_(?!\w)|!?\[([^\][]{0,300})\]\(([^\s)]{1,2000})[^)]{0,300}\)|~~([^~]{1,2000})~~/g;

function inline(text) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    nodes.push(text.slice(end, match.index));
    end = match.index + match[0].length;
    const [, , code, strong, strong2, em, em2, label, href, struck] = match;
    if (code !== undefined) nodes.push(h('code', null, code));
    else if (strong ?? strong2) nodes.push(h('strong', null, inline(strong ?? strong2)));
    else if (em ?? em2) nodes.push(h('em', null, inline(em ?? em2)));
    else if (struck) nodes.push(h('s', null, struck));
    else if (SAFE_LINK.test(href)) nodes.push(h('a', { href, target: '_blank', rel: 'noopener noreferrer' }, label || href));
    else nodes.push(match[0]);
  }
  nodes.push(text.slice(end));
  return nodes;
}

const ITEM = /^(\s*)(?:[-*+]|(\d{1,9})[.)])\s+(.*)$/;
const FENCE = /^\s*(```|~~~)/;
const HEADING = /^(#{1,6})\s+(.*?)\s*#*$/;
const RULE = /^\s*(?:-{3,}|\*{3,}|_{3,})\s*$/;
const DELIMITER = /^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/;
const isBlank = (line) => line.trim() === '';
const begins = (line) => ITEM.test(line) || FENCE.test(line) || HEADING.test(line) || RULE.test(line) || /^\s*>/.test(line);
const cells = (line) => line.trim().replace(/^\||\|$/g, '').split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'));

// The items from line `at` on that stand at its depth, with what is deeper in them.
function list(lines, at) {
  const [, indent, number] = ITEM.exec(lines[at]);
  const items = [];
  while (at < lines.length) {
    const match = ITEM.exec(lines[at]);
    if (!match || match[1].length < indent.length) break;
    const inner = [match[3]];
    at += 1;
    while (at < lines.length && !isBlank(lines[at])) {
      const next = ITEM.exec(lines[at]);
      if (next ? next[1].length <= indent.length : !/^\s/.test(lines[at]) && begins(lines[at])) break;
      inner.push(lines[at].slice(Math.min(indent.length + 2, lines[at].search(/\S/))));
      at += 1;
    }
    while (at + 1 < lines.length && isBlank(lines[at]) && ITEM.test(lines[at + 1])) at += 1;
    const [first, ...rest] = blocks(inner);
    items.push(h('li', { dir: 'auto' }, first?.type === 'p' ? first.props.children : first, rest));
  }
  const start = number && Number(number) !== 1 ? { start: Number(number) } : null;
  return [h(number ? 'ol' : 'ul', start, items), at];
}

function table(lines, at) {
  const head = cells(lines[at]);
  const rows = [];
  for (at += 2; at < lines.length && lines[at].includes('|'); at += 1) rows.push(cells(lines[at]));
  const row = (tag) => (each) => h('tr', null, head.map((_, place) => h(tag, { dir: 'auto' }, inline(each[place] ?? ''))));
  return [h('div', { class: 'wide', tabIndex: 0, role: 'region', 'aria-label': 'Table' }, h('table', null, h('thead', null, row('th')(head)), h('tbody', null, rows.map(row('td'))))), at];
}

function blocks(lines) {
  const out = [];
  for (let at = 0; at < lines.length; ) {
    const line = lines[at];
    const heading = HEADING.exec(line);
    if (isBlank(line)) at += 1;
    else if (FENCE.test(line)) {
      const fence = FENCE.exec(line)[1];
      const from = (at += 1);
      while (at < lines.length && !lines[at].trim().startsWith(fence)) at += 1;
      out.push(h('pre', { tabIndex: 0 }, h('code', null, lines.slice(from, at).join('\n'))));
      at += 1;
    } else if (heading) {
      // The page's own headings stand above those of an answer, and none is skipped.
      out.push(h('h4', { dir: 'auto' }, inline(heading[2])));
      at += 1;
    } else if (RULE.test(line)) {
      out.push(h('hr'));
      at += 1;
    } else if (/^\s*>/.test(line)) {
      const from = at;
      while (at < lines.length && /^\s*>/.test(lines[at])) at += 1;
      out.push(h('blockquote', null, blocks(lines.slice(from, at).map((each) => each.replace(/^\s*> ?/, '')))));
    } else if (ITEM.test(line)) {
      const [node, next] = list(lines, at);
      out.push(node);
      at = next;
    } else if (line.includes('|') && at + 1 < lines.length && DELIMITER.test(lines[at + 1])) {
      const [node, next] = table(lines, at);
      out.push(node);
      at = next;
    } else {
      const from = at;
      do at += 1; while (at < lines.length && !isBlank(lines[at]) && !begins(lines[at]));
      out.push(h('p', { dir: 'auto' }, inline(lines.slice(from, at).join('\n'))));
    }
  }
  return out;
}

/** The nodes of a text in Markdown. */
export const markdown = (text) => blocks(text.replaceAll('\r\n', '\n').split('\n'));
