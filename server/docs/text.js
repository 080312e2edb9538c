// What is shown of texts and values.
import { el, prose } from '/playground/dom.js';

// text is a description as paragraphs; nothing for none.
export const text = (description) => (description ?? '').trim().split(/\n\s*\n/).filter(Boolean).map((part) => el('p', {}, ...prose(part)));

// json shows a value.
export const json = (value) => el('pre', {}, el('code', {}, JSON.stringify(value, null, 2)));

// folded is what is shown when it is asked for.
export const folded = (summary, ...inside) => el('details', {}, el('summary', {}, ...summary), el('div', { class: 'inside' }, ...inside));
