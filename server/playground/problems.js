// What went wrong, where it can be seen: at the field that it names, and in a box with the whole of it.
import { el } from './dom.js';
import { place, reveal } from './form.js';
import { Broken, Failure } from './ask.js';

const titles = {
  401: 'The token was not accepted', 403: 'This is not allowed', 404: 'There is no such thing', 408: 'The request came too slowly',
  413: 'The request is too large', 422: 'The request breaks the contract', 429: 'A limit is reached', 503: 'Not available at present',
  504: 'The backend took too long',
};

// faultsOf brings violations to [field, message] pairs; the field is undefined where there is none. Several of one field
// are told together.
export function faultsOf(form, detail) {
  return detail.map(({ loc, msg }) => {
    const field = place(form, loc);
    const below = loc.slice(loc.findIndex((step) => String(step).toLowerCase() === field?.name.toLowerCase()) + 1 || 1).join('.');
    return [field, below ? `${below}: ${msg}` : msg];
  });
}

// show marks fields, and puts the box into root. The first field that is wrong takes the focus.
export function show(root, title, faults, facts = []) {
  const messages = new Map();
  for (const [field, message] of faults.filter(([one]) => one)) messages.set(field, [...(messages.get(field) ?? []), message]);
  for (const [field, list] of messages) {
    field.show(list.join(' · '));
    reveal(field);
  }
  root.replaceChildren(box(title, faults.length ? [summary(faults)] : [], facts));
  const [first] = messages.keys();
  first?.input.focus();
}

const box = (title, children, facts) => el('section', { class: 'problem', 'aria-labelledby': 'problem' },
  el('h3', { id: 'problem' }, title), ...children, facts.length ? el('p', { class: 'facts' }, facts.join(' · ')) : null);

function summary(faults) {
  return el('ul', {}, ...faults.map(([field, message]) => {
    if (!field) return el('li', {}, message);
    const link = el('a', { href: `#${field.input.id}` }, field.label);
    link.addEventListener('click', (event) => {
      event.preventDefault(); // the address stays as it is
      reveal(field);
      field.input.focus();
    });
    return el('li', {}, link, ` ${message}`);
  }));
}

// report shows whatever a request ended with.
export function report(root, error, { form, token }) {
  if (error instanceof Broken) {
    root.replaceChildren(box('The answer is not whole', [el('p', {}, error.message)], []));
  } else if (error instanceof Failure) {
    failure(root, error, { form, token });
  } else {
    root.replaceChildren(box('The gateway cannot be reached', [el('p', {}, 'No answer came. It may have stopped, or the connection was lost.')], []));
  }
}

// missing is what somebody does not know who opened the page and nothing else.
const missing = 'Paste the token that "make run" or "specgate serve" printed when it started. Where it printed none, tokens are configured: ask whoever runs the gateway.';

function failure(root, failed, { form, token }) {
  const title = titles[failed.status] ?? (failed.status >= 500 ? 'The gateway or its backend failed' : 'The request was refused');
  const wait = failed.headers.get('Retry-After');
  if (failed.status === 401 && token.input.value === '') {
    show(root, 'A token is needed', [[token, missing]]);
    return;
  }
  const facts = [
    `${failed.status} ${failed.error.type ?? ''}`.trim(), failed.error.code,
    wait && `try again in ${wait} s`, failed.headers.get('x-request-id') && `x-request-id ${failed.headers.get('x-request-id')}`,
  ].filter(Boolean);
  show(root, title, failed.detail.length ? faultsOf(form, failed.detail) : [[culprit(failed, form, token), failed.message]], facts);
}

// culprit is the field that an error is about which has no list.
function culprit({ status, error }, form, token) {
  if (status === 401) return token;
  if (/^(model|organization|project)_not_/.test(error.code ?? '')) return fieldOfCode(error.code.split('_')[0], form);
  return error.param ? place(form, ['body', ...error.param.split('.')]) : undefined;
}

const fieldOfCode = (what, form) => (what === 'model' ? form.model : form.headers.find((field) => field.name.toLowerCase().endsWith(what)));
