// An answer, while it comes and once it is there: a section for each choice, the usage, the time that it took.
import { copyButton, el } from './dom.js';
import { legend, listen, tokensOf } from './tokens.js';

// answerIn begins an answer below root. shape says how many choices a prompt has.
export function answerIn(root, shape) {
  const choices = new Map();
  const legendAt = el('div');
  const list = el('div', { class: 'choices' });
  root.replaceChildren(legendAt, list);
  const section = (index) => {
    if (!choices.has(index)) {
      const made = choiceOf(index, shape);
      const next = [...choices.keys()].filter((other) => other > index).sort((a, b) => a - b)[0];
      list.insertBefore(made.element, choices.get(next)?.element ?? null);
      choices.set(index, made);
    }
    return choices.get(index);
  };
  return {
    add(choice) {
      if (choice.logprobs?.tokens?.length && !legendAt.hasChildNodes()) legendAt.append(legend());
      section(choice.index).add(choice);
    },
    end: (how) => choices.forEach((choice) => choice.end(how)),
    tokens: () => [...choices.values()].reduce((sum, choice) => sum + choice.tokens(), 0),
  };
}

function choiceOf(index, { n, prompts }) {
  const title = n * prompts === 1 ? 'Completion' : `Choice ${index}`;
  const of = prompts > 1 ? `prompt ${Math.floor(index / n)}` : null;
  const reason = el('span', { class: 'reason' });
  const text = el('div', { class: 'text' });
  let whole = '';
  const heading = el('h3', { id: `choice-${index}` }, title, of ? el('span', { class: 'hint' }, of) : null);
  const element = el('section', { class: 'choice', 'aria-labelledby': heading.id, 'data-index': index },
    el('header', {}, heading, reason, copyButton(() => whole, `the text of ${title.toLowerCase()}`)), text);
  let known = 0;
  return {
    element,
    tokens: () => known,
    add({ text: piece, logprobs, finish_reason: why }) {
      whole += piece;
      if (logprobs?.tokens?.length) {
        known += logprobs.tokens.length;
        listOf(text, title).append(...tokensOf(logprobs, !text.querySelector('[role=option]')));
      } else if (piece) {
        plain(text).append(piece);
      }
      if (why) reason.textContent = why;
    },
    end(how) {
      if (!reason.textContent) reason.textContent = how;
      if (!whole) text.append(el('span', { class: 'hint' }, 'No text.'));
    },
  };
}

// listOf is the list at the end of a text that tokens are added to.
function listOf(text, title) {
  if (text.lastElementChild?.role !== 'listbox') {
    const list = el('div', { class: 'tokens', role: 'listbox', 'aria-label': `Tokens of ${title.toLowerCase()}`, 'aria-orientation': 'horizontal' });
    listen(list);
    text.append(list);
  }
  return text.lastElementChild;
}

function plain(text) {
  if (text.lastElementChild?.className !== 'plain') text.append(el('span', { class: 'plain' }));
  return text.lastElementChild;
}

// clock takes the times of an answer, in milliseconds.
export function clock() {
  const began = performance.now();
  let first = null;
  return {
    piece: () => { first ??= performance.now() - began; },
    read: () => ({ first, total: performance.now() - began }),
  };
}

// figures are what an answer used and how long it took. Tokens a second are those of the completion, in all the time.
export function figures({ usage, times, streamed, headers, tokens }) {
  const completed = usage?.completion_tokens ?? (tokens || null);
  const rate = completed && times.total ? (completed * 1000) / times.total : null;
  const rows = [
    ['prompt tokens', usage?.prompt_tokens],
    ['completion tokens', usage?.completion_tokens],
    ['total tokens', usage?.total_tokens],
    ['cached tokens', usage?.prompt_tokens_details?.cached_tokens || null],
    ['first token', streamed && times.first !== null ? duration(times.first) : null],
    ['total time', duration(times.total)],
    ['tokens a second', rate === null ? null : rate.toFixed(rate < 100 ? 1 : 0)],
  ];
  const facts = ['x-request-id', 'x-specgate-upstream'].map((name) => headers.get(name) && `${name} ${headers.get(name)}`).filter(Boolean);
  return [
    el('dl', { class: 'figures' }, ...rows.filter(([, value]) => value != null)
      .map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, String(value))))),
    el('p', { class: 'facts' }, facts.join(' · ')),
  ];
}

export const duration = (ms) => (ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(2)} s`);
