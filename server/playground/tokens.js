// Tokens coloured by log probability. The classes p0 to p4 have a colour and an underline each, so that nobody
// depends on colour; playground.css draws them.
import { el } from './dom.js';

const steps = [0.05, 0.2, 0.5, 0.75]; // p0 below the first, p4 from the last on

export const probability = (logprob) => {
  const p = Math.exp(logprob) * 100;
  return `${p >= 99.95 || p < 0.005 ? p.toFixed(0) : p.toFixed(p < 1 ? 2 : 1)} %`;
};

const classOf = (logprob) => (logprob == null ? 'unknown' : `p${steps.filter((step) => Math.exp(logprob) >= step).length}`);

// legend explains the classes.
export function legend() {
  const names = ['below 5 %', '5 to 20 %', '20 to 50 %', '50 to 75 %', '75 % and more'];
  return el('ul', { class: 'legend', 'aria-label': 'Probability of a token' },
    ...names.map((name, i) => el('li', {}, el('span', { class: `token p${i}`, 'aria-hidden': 'true' }, 'token'), ` ${name}`)));
}

// visible shows a token that would not be seen: the parts of a character, spaces and line ends.
export function visible(token) {
  const bytes = /^bytes:((?:\\x[0-9a-f]{2})+)$/.exec(token);
  if (bytes) return `⟨${bytes[1].replaceAll('\\x', ' ').trim()}⟩`;
  return token.replace(/\n/g, '↵').replace(/\t/g, '⇥').replace(/ /g, '·');
}

// tokensOf makes the elements of a choice's (or a chunk's) log probabilities. The first of a choice is where the Tab key
// leads to.
export function tokensOf({ tokens, token_logprobs: logprobs, top_logprobs: top }, first) {
  return tokens.map((token, i) => {
    const logprob = logprobs?.[i] ?? null;
    const told = logprob === null ? 'no probability' : probability(logprob);
    const element = el('span', {
      class: `token ${classOf(logprob)}`, role: 'option', tabindex: first && i === 0 ? 0 : -1, 'aria-selected': 'false', 'aria-label': `${visible(token)}, ${told}`,
    }, ...shown(token));
    element.facts = { token, logprob, top: top?.[i] ?? null };
    return element;
  });
}

// shown keeps line ends as they are, and marks them.
function shown(token) {
  if (token.startsWith('bytes:')) return [visible(token)];
  return token.split(/(\n)/).filter(Boolean).flatMap((part) => (part === '\n' ? [el('span', { class: 'mark' }, '↵'), '\n'] : [part]));
}

const moves = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };

// listen lets arrow keys move through the tokens of a list, of which one at a time takes the focus.
export function listen(list) {
  list.addEventListener('keydown', (event) => {
    const move = moves[event.key];
    const all = [...list.querySelectorAll('[role=option]')];
    if (!move || event.ctrlKey || event.altKey || event.metaKey || !all.length) return;
    event.preventDefault();
    const at = all.indexOf(document.activeElement) + move;
    all[Math.max(0, Math.min(all.length - 1, at))].focus();
  });
  list.addEventListener('focusin', ({ target }) => {
    list.querySelectorAll('[tabindex="0"]').forEach((one) => one.setAttribute('tabindex', '-1'));
    list.querySelectorAll('[aria-selected=true]').forEach((one) => one.setAttribute('aria-selected', 'false'));
    target.setAttribute('tabindex', '0');
    target.setAttribute('aria-selected', 'true');
  });
}
