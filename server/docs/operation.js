// Operations: how each is asked, what it takes, how it answers.
import { copyButton, el, firstSentence, prose } from '/playground/dom.js';
import { quoted, path as completions } from '/playground/request.js';
import { resolve } from '/playground/spec.js';
import { fields, typeOf } from './schema.js';
import { folded, json, text } from './text.js';

export function operationOf(doc, operation) {
  const { id, method, path, summary, description } = operation;
  return el('section', { class: 'panel', id, 'aria-labelledby': `${id}-title` },
    el('h3', { id: `${id}-title` }, el('span', { class: `method ${method}` }, method.toUpperCase()), ' ', el('code', {}, path)),
    el('p', {}, el('strong', {}, summary)),
    ...text(description),
    path === completions ? el('p', {}, el('a', { href: '/playground' }, 'Try it in the playground')) : null,
    ...asked(operation),
    ...parameters(doc, operation.parameters ?? []),
    ...body(doc, operation.requestBody),
    el('h4', {}, 'Answers'),
    ...Object.entries(operation.responses).map(([status, response]) => answer(doc, status, resolve(doc, response))));
}

// asked is the operation as a command.
function asked(operation) {
  const command = commandOf(operation);
  return [
    el('header', { class: 'bar' }, el('h4', {}, 'As curl'), copyButton(() => command, `the curl of ${operation.id}`)),
    el('pre', {}, el('code', {}, command)),
  ];
}

// commandOf takes the token from the shell, and the values that the contract has for examples.
function commandOf({ method, path, parameters = [], requestBody }) {
  const { example, examples } = requestBody?.content['application/json'] ?? {};
  const value = example ?? Object.values(examples ?? {})[0]?.value;
  const at = parameters.filter(({ in: place }) => place === 'path')
    .reduce((to, { name, example: one }) => to.replace(`{${name}}`, encodeURIComponent(one ?? name)), path);
  return [
    `curl -sS${['get', 'post'].includes(method) ? '' : ` -X ${method.toUpperCase()}`} ${quoted(location.origin + at)}`,
    '-H "Authorization: Bearer $TOKEN"',
    ...(value === undefined ? [] : ["-H 'Content-Type: application/json'", `--data-binary ${quoted(JSON.stringify(value))}`]),
  ].join(' \\\n  ');
}

function parameters(doc, list) {
  if (!list.length) return [];
  const told = list.map((one) => resolve(doc, one)).map(({ name, in: place, required, schema, description }) =>
    ({ name: `${name} (${place})`, required, schema, description }));
  return [el('h4', {}, 'Parameters'), fields(doc, told)];
}

function body(doc, requestBody) {
  if (!requestBody) return [];
  const { description, content } = resolve(doc, requestBody);
  return [el('h4', {}, 'Body'), ...text(description), ...media(content)];
}

// media is what there is in each media type, with its examples.
function media(content = {}) {
  return Object.entries(content).flatMap(([type, { schema, example, examples }]) => [
    el('p', {}, el('code', {}, type), ' ', el('span', { class: 'type' }, ...typeOf(schema))),
    ...Object.values(examples ?? (example === undefined ? {} : { it: { summary: 'Example', value: example } }))
      .map((one) => folded([one.summary], json(one.value))),
  ]);
}

function answer(doc, status, { description, headers, content }) {
  const told = Object.entries(headers ?? {}).map(([name, header]) => ({ name, ...resolve(doc, header) }));
  return folded([el('code', { class: 'status' }, status), ' ', ...prose(firstSentence(description))],
    ...text(description), ...media(content), told.length ? folded(['Headers'], fields(doc, told)) : null);
}
