// The form: every field of the contract, the common ones first and the others put away in groups.
import { modelField, promptField } from './access.js';
import { el } from './dom.js';
import { fieldOf, others } from './field.js';
import { notHeader } from './request.js';

const common = ['max_tokens', 'temperature', 'n', 'logprobs'];
const groups = {
  Sampling: ['top_p', 'seed', 'frequency_penalty', 'presence_penalty', 'logit_bias'],
  'Text and choices': ['stop', 'suffix', 'echo', 'best_of'],
  Stream: ['stream_options'],
  Caller: ['user'], // and the headers
};
const apart = ['model', 'prompt', 'stream']; // fields of their own; stream is the buttons'

// formOf puts the fields into the page. What it hands out knows what they read as, and where a violation belongs.
export function formOf(contract, { basics, more }) {
  const declared = new Map(contract.fields.map((field) => [field.name, field]));
  const model = modelField(declared.get('model'));
  const prompt = promptField(declared.get('prompt'));
  const short = common.filter((name) => declared.has(name)).map((name) => fieldOf(declared.get(name), { short: true }));
  basics.append(model.element, prompt.element, el('div', { class: 'grid' }, ...short.map((field) => field.element)));

  const headers = contract.headers.map(headerOf);
  const placed = new Set([...apart, ...common, ...Object.values(groups).flat()]);
  const further = contract.closed ? null : others();
  const left = contract.fields.filter((field) => !placed.has(field.name)).map((field) => fieldOf(field));
  const grouped = Object.entries(groups).map(([title, names]) => [
    title, [...names.filter((name) => declared.has(name)).map((name) => fieldOf(declared.get(name))), ...(title === 'Caller' ? headers : [])],
  ]);
  grouped.push(['Other fields', [...left, further].filter(Boolean)]);
  grouped.filter(([, fields]) => fields.length).forEach(([title, fields]) => more.append(disclosure(title, fields)));

  includeUsage(grouped);
  const body = [model, prompt, ...short, ...grouped.flatMap(([, fields]) => fields).filter((field) => !headers.includes(field) && field !== further)];
  return { model, headers, body, further, all: [...body, ...headers, ...(further ? [further] : [])] };
}

function headerOf(field) {
  const made = fieldOf({ ...field, inHeader: true });
  const problem = () => notHeader(made.input.value);
  return Object.assign(made, { faults: () => (problem() ? [[made, problem()]] : []) });
}

// A stream says what it used only where it is asked to, and this page shows it.
function includeUsage(grouped) {
  const options = grouped.flatMap(([, fields]) => fields).find((field) => field.name === 'stream_options');
  const asked = options?.at(['include_usage']);
  if (asked && asked !== options) asked.input.value = 'true';
}

// disclosure is a group that tells how many of its fields are set.
function disclosure(title, fields) {
  const count = el('span', { class: 'count' });
  const element = el('details', {}, el('summary', {}, title, count), el('div', { class: 'grid' }, ...fields.map((field) => field.element)));
  const recount = () => {
    const set = fields.filter((field) => field.read() !== undefined).length;
    count.textContent = set ? `${set} set` : '';
  };
  element.addEventListener('input', recount);
  queueMicrotask(recount);
  return element;
}

// place finds the field that a violation's loc names; undefined for a fault of the whole, or of what has no field.
export function place(form, [where, name, ...rest]) {
  if (where === 'header') return form.headers.find((field) => field.name.toLowerCase() === String(name).toLowerCase());
  if (where !== 'body' || typeof name !== 'string') return undefined;
  return form.body.find((field) => field.name === name)?.at(rest) ?? (apart.includes(name) ? undefined : form.further);
}

// reveal opens the group that a field is put away in.
export function reveal(field) {
  const group = field.element.closest('details');
  if (group) group.open = true;
}
