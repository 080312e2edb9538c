// What a token might have been: shown beside the token that the pointer or the focus is on. Escape puts it away, and
// the pointer may go into it.
import { el } from './dom.js';
import { probability, visible } from './tokens.js';

const patience = 150; // ms in which the pointer may reach it

// tipFor shows the alternatives of every token below root.
export function tipFor(root) {
  const tip = el('div', { id: 'tip', role: 'tooltip', hidden: true });
  document.body.append(tip);
  let closing, current;
  const hide = () => {
    clearTimeout(closing);
    tip.hidden = true;
    root.querySelector('[aria-describedby=tip]')?.removeAttribute('aria-describedby');
  };
  const later = () => { clearTimeout(closing); closing = setTimeout(hide, patience); };
  const show = (token) => {
    hide();
    tip.replaceChildren(...contents(token.facts));
    tip.hidden = false;
    token.setAttribute('aria-describedby', 'tip');
    current = token;
    put(tip, token);
  };
  const over = ({ target }) => { const token = target.closest('[role=option]'); if (token) show(token); };
  root.addEventListener('pointerover', over);
  root.addEventListener('focusin', over);
  root.addEventListener('pointerout', later);
  root.addEventListener('focusout', hide);
  tip.addEventListener('pointerenter', () => clearTimeout(closing));
  tip.addEventListener('pointerleave', later);
  document.addEventListener('keydown', (event) => { if (event.key === 'Escape') hide(); });
  document.addEventListener('scroll', () => { if (!tip.hidden) put(tip, current); }, { passive: true });
  return hide;
}

// put places it below the token, above where there is no room, and within the window.
function put(tip, element) {
  const token = element.getClientRects()[0];
  tip.style.left = '0'; // for all the width that it may have
  const { offsetWidth: width, offsetHeight: height } = tip;
  const below = token.bottom + height < innerHeight || token.top < height;
  tip.style.left = `${Math.max(8, Math.min(token.left, innerWidth - width - 8))}px`;
  tip.style.top = `${below ? token.bottom : token.top - height}px`;
}

function contents({ token, logprob, top }) {
  const said = logprob === null ? 'no log probability' : `log probability ${logprob.toFixed(3).replace('-', '−')}`;
  const others = Object.entries(top ?? {});
  if (logprob !== null && !others.some(([one]) => one === token)) others.push([token, logprob]);
  others.sort(([, a], [, b]) => b - a);
  return [el('p', {}, el('code', {}, visible(token)), ` ${said}`), ...(others.length ? [table(others, token)] : [])];
}

function table(others, chosen) {
  return el('table', {}, ...others.map(([token, logprob]) => {
    const share = el('span', { class: 'share' });
    share.style.width = `${Math.max(1, Math.exp(logprob) * 100)}%`;
    return el('tr', { class: token === chosen && 'chosen' }, el('th', { scope: 'row' }, el('code', {}, visible(token))),
      el('td', { class: 'bar' }, share), el('td', {}, probability(logprob)));
  }));
}
