// A field of the form: label, limits, control, help, and what is wrong with it.
import { control, notJSON } from './controls.js';
import { el, firstSentence, prose } from './dom.js';

let counter = 0;

// fieldOf makes a field, or a set of them where it is an object. All that it hands out is
// {name, element, read, faults, at}: faults says what cannot be sent, at finds the field that a place names.
export function fieldOf(field, { short = false } = {}) {
  return field.kind === 'group' ? groupOf(field) : single(field, control(field, nextId()), short);
}

export const nextId = () => `field-${++counter}`;

// single puts a control between its label and its help.
export function single(field, { input, parts, read, problem }, short) {
  const fault = el('p', { class: 'fault', id: `${input.id}-fault` });
  const hint = el('span', { class: 'hint', id: `${input.id}-hint` }, field.hint);
  const help = el('p', { class: 'help', id: `${input.id}-help` }, ...prose(short ? firstSentence(field.description) : field.description));
  const told = [hint, help].filter((part) => part.textContent).map((part) => part.id);
  const instead = switches(field, () => parts.flatMap((part) => [part, ...part.querySelectorAll('input')]));
  const element = el('div', { class: 'field', 'data-field': field.name },
    el('div', { class: 'label' }, el('label', { for: input.id, class: !field.label && 'name' }, field.label ?? field.name), hint),
    ...parts, fault, help.textContent ? help : null, instead.element);
  const describe = (...ids) => (ids.length ? input.setAttribute('aria-describedby', ids.join(' ')) : input.removeAttribute('aria-describedby'));
  const show = (message) => {
    fault.textContent = message;
    element.classList.toggle('wrong', message !== '');
    if (message) input.setAttribute('aria-invalid', 'true');
    else input.removeAttribute('aria-invalid');
    describe(...(message ? [fault.id] : []), ...told);
  };
  show('');
  const made = { name: field.name, label: field.label ?? field.name, element, input, show, read: () => instead.raw() ?? read() };
  made.faults = () => (problem() && !instead.raw() ? [[made, problem()]] : []);
  made.at = () => made;
  made.clear = () => show('');
  return made;
}

// constants are what a field of a body may be sent as that cannot be typed or chosen, each with its name.
const constants = ({ kind, nullable, required, inHeader }) => [
  ...(nullable && kind !== 'choice' && !required ? [['null', 'null']] : []),
  ...(kind === 'text' && !inHeader ? [['""', 'an empty text']] : []),
];

// switches are buttons that send a constant in place of what the controls say; one is on at most. raw is what it sends.
// They come after the controls for the Tab key, and playground.css puts them beside the label.
function switches(field, controls) {
  const buttons = constants(field).map(([raw, name]) =>
    el('button', { type: 'button', class: 'null', value: raw, 'aria-pressed': 'false', 'aria-label': `Send ${field.name} as ${name}` }, raw));
  const isOn = (button) => button.getAttribute('aria-pressed') === 'true';
  const press = (button) => {
    const on = !isOn(button);
    buttons.forEach((one) => one.setAttribute('aria-pressed', String(on && one === button)));
    controls().forEach((one) => { one.disabled = on; });
    button.dispatchEvent(new Event('input', { bubbles: true }));
  };
  buttons.forEach((button) => button.addEventListener('click', () => press(button)));
  return { element: buttons.length ? el('div', { class: 'switches' }, ...buttons) : null, raw: () => buttons.find(isOn)?.value };
}

function groupOf(field) {
  const inner = field.fields.map((one) => fieldOf(one));
  const own = faultOfGroup();
  const set = el('fieldset', { class: 'group', tabindex: -1 },
    el('legend', {}, field.label ?? field.name), el('p', { class: 'help' }, ...prose(field.description)), own.element, ...inner.map((one) => one.element));
  const instead = switches(field, () => [set]);
  const element = el('div', { class: 'grouped', 'data-field': field.name }, set, instead.element);
  const made = {
    name: field.name, label: field.name, element, input: set, show: own.show,
    read: () => {
      if (instead.raw()) return instead.raw();
      const members = inner.map((one) => [one.name, one.read()]).filter(([, raw]) => raw !== undefined);
      return members.length ? `{${members.map(([name, raw]) => `${JSON.stringify(name)}: ${raw}`).join(', ')}}` : undefined;
    },
    faults: () => (instead.raw() ? [] : inner.flatMap((one) => one.faults())),
    clear: () => [own, ...inner].forEach((one) => (one.clear ?? (() => one.show('')))()),
  };
  made.at = ([key, ...rest]) => inner.find((one) => one.name === key)?.at(rest) ?? made;
  return made;
}

function faultOfGroup() {
  const element = el('p', { class: 'fault' });
  return { element, show: (message) => { element.textContent = message; } };
}

// others is the field for what the contract does not name, as the inside of the body's own object.
export function others() {
  const id = nextId();
  const input = el('textarea', { id, rows: 2, spellcheck: 'false', autocomplete: 'off', placeholder: '{"top_k": 40}' });
  const text = () => input.value.trim();
  const problem = () => {
    if (text() === '') return '';
    return notJSON(text()) || (text().startsWith('{') ? '' : 'This has to be an object, in braces.');
  };
  const description = 'Sent beside the fields of the form, as written. Fields that the contract does not name reach the backend as they are.';
  const field = { name: '', label: 'Further fields', kind: 'json', hint: 'a JSON object', description };
  return single(field, { input, parts: [input], read: () => (text() === '' ? undefined : text().slice(1, -1).trim() || undefined), problem });
}
