// The fields that every request has, and that are more than a control: the token, the model, the prompt.
import { notJSON } from './controls.js';
import { el } from './dom.js';
import { nextId, single } from './field.js';
import { notHeader } from './request.js';

// tokenField holds the token, which is nowhere but in this field while the page is open.
export function tokenField(changed) {
  const enter = (event) => {
    if (event.key !== 'Enter' || event.ctrlKey || event.metaKey) return;
    event.preventDefault(); // there is no request to run yet
    changed();
  };
  const input = el('input', {
    id: nextId(), type: 'password', autocomplete: 'off', spellcheck: 'false', placeholder: 'sg-…', change: changed, keydown: enter,
  });
  const field = { name: 'token', label: 'Token', hint: 'kept in memory alone', description: '' };
  return single(field, { input, parts: [input], read: () => undefined, problem: () => notHeader(input.value) });
}

const another = ' another'; // no id that a list could have

// modelField offers the ids that the contract lists, or else those of /v1/models and any other.
export function modelField(field) {
  const closed = field.options.length > 0;
  const select = el('select', { id: nextId() });
  const other = el('input', { type: 'text', 'aria-label': 'Model id', placeholder: 'model id', autocomplete: 'off', spellcheck: 'false' });
  const value = () => (select.value === another ? other.value : select.value);
  const made = single({ ...field, kind: 'choice', label: 'Model', hint: '', description: '', nullable: false }, {
    input: select, parts: [select, other], problem: () => '',
    read: () => (value() === '' ? undefined : JSON.stringify(value())),
  });
  select.addEventListener('change', () => { other.hidden = select.value !== another; });
  made.list = (ids) => {
    const was = select.value;
    const options = closed ? closedOptions(field.options, ids) : openOptions(ids);
    select.replaceChildren(...options);
    if (options.some((option) => option.value === was && was !== '')) select.value = was;
    other.hidden = select.value !== another;
  };
  made.list(null);
  return made;
}

function openOptions(ids) {
  const known = (ids ?? []).map((id) => el('option', { value: id }, id));
  const first = ids === null ? el('option', { value: '' }, 'listed once there is a token') : null;
  return [first, ...known, el('option', { value: another }, 'another id …')].filter(Boolean);
}

// A closed list is the contract's; what cannot be had of it now is still no violation.
const closedOptions = (options, ids) =>
  options.map((id) => el('option', { value: id }, ids === null || ids.includes(id) ? id : `${id} (not listed)`));

// promptField takes a text, or JSON: several texts, token ids, lists of them, null.
export function promptField(field) {
  const input = el('textarea', { id: nextId(), rows: 5, spellcheck: 'false' }, 'Once upon a time');
  const mode = modes(['Text', 'JSON'], 'Form of the prompt');
  const isJSON = () => mode.value() === 'JSON';
  mode.element.addEventListener('change', () => {
    input.value = isJSON() ? JSON.stringify(input.value) : textOf(input.value);
  });
  return single({ ...field, label: 'Prompt', hint: '', nullable: false }, {
    input, parts: [mode.element, input],
    read: () => (isJSON() ? input.value.trim() || undefined : JSON.stringify(input.value)),
    problem: () => (isJSON() && input.value.trim() !== '' ? notJSON(input.value) : ''),
  }, true);
}

function textOf(json) {
  try {
    const value = JSON.parse(json);
    return typeof value === 'string' ? value : json;
  } catch {
    return json;
  }
}

// modes lets one of a few be chosen. value says which.
export function modes(names, label) {
  const group = nextId();
  const radios = names.map((name, i) => el('input', { type: 'radio', name: group, id: `${group}-${i}`, value: name, checked: i === 0 }));
  const element = el('div', { class: 'modes', role: 'radiogroup', 'aria-label': label },
    ...radios.flatMap((radio, i) => [radio, el('label', { for: radio.id }, names[i])]));
  return {
    element,
    value: () => radios.find((radio) => radio.checked).value,
    choose: (name) => radios.forEach((radio) => { radio.checked = radio.value === name; }),
  };
}
