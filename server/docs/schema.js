// Schemas: what they are called, what they hold. Those with a name are shown once, and elsewhere led to.
import { el } from '/playground/dom.js';
import { hintOf, resolve } from '/playground/spec.js';
import { folded, json, text } from './text.js';

// schemaOf is a schema with a name.
export function schemaOf(doc, name, schema) {
  return el('section', { class: 'panel', id: name, 'aria-labelledby': `${name}-title` },
    el('h3', { id: `${name}-title` }, el('code', {}, name)),
    el('p', { class: 'type' }, ...typeOf(schema)),
    ...text(schema.description), ...inside(doc, schema));
}

// typeOf says in words what a schema takes. Schemas with a name are links.
export function typeOf(schema) {
  const { $ref, allOf, oneOf, anyOf, type, items, additionalProperties: values, properties } = schema;
  const nullable = schema.nullable ? [' or null'] : [];
  if ($ref) return [nameOf($ref)];
  if (allOf?.length === 1) return [...typeOf(allOf[0]), ...nullable];
  if (oneOf ?? anyOf) return [...between((oneOf ?? anyOf).map(typeOf)), ...nullable];
  if (type === 'array') return ['list of ', ...typeOf(items ?? {}), ...nullable];
  if (type === 'object' && !properties && values?.constructor === Object) return ['map to ', ...typeOf(values), ...nullable];
  return [type ?? 'any value', ...nullable];
}

const between = (types) => types.flatMap((parts, i) => (i ? [', or ', ...parts] : parts));

function nameOf($ref) {
  const name = $ref.split('/').at(-1);
  return el('a', { href: `#${name}` }, name);
}

// inside is what there is to say of a schema below its description.
function inside(doc, schema) {
  const further = Object.entries(schema).filter(([key]) => key.startsWith('x-'));
  const example = schema.example?.constructor === Object || Array.isArray(schema.example) ? folded(['Example'], json(schema.example)) : null;
  return [limits(doc, schema), properties(doc, schema), ...further.map(([key, value]) => folded([el('code', {}, key)], json(value))), example];
}

function limits(doc, schema) {
  const branches = (schema.oneOf ?? schema.anyOf ?? []).map((one) => resolve(doc, one));
  const said = [
    hintOf(schema, branches),
    schema.enum && `one of ${schema.enum.map((value) => JSON.stringify(value)).join(', ')}`,
    schema.pattern && `pattern ${schema.pattern}`,
    schema.additionalProperties === false && 'no other fields',
    ['string', 'number', 'boolean'].includes(typeof schema.example) && `such as ${JSON.stringify(schema.example)}`,
  ].filter(Boolean);
  return said.length ? el('p', { class: 'hint' }, said.join(' · ')) : null;
}

function properties(doc, schema) {
  const within = schema.type === 'array' ? schema.items ?? {} : schema;
  const names = Object.keys(within.properties ?? {});
  if (!names.length || within.$ref) return null;
  const required = within.required ?? [];
  names.sort((a, b) => required.includes(b) - required.includes(a));
  return fields(doc, names.map((name) => ({ name, schema: within.properties[name], required: required.includes(name) })));
}

// fields is a list of what has a name and a schema: {name, schema, required, description}.
export function fields(doc, list) {
  return el('dl', { class: 'fields' }, ...list.flatMap(({ name, schema, required, description }) => [
    el('dt', {}, el('code', { class: 'name' }, name), ' ', el('span', { class: 'type' }, ...typeOf(schema)), required ? el('span', { class: 'required' }, ' required') : null),
    el('dd', {}, ...text(description ?? schema.description), ...(schema.$ref ? [] : inside(doc, schema))),
  ]));
}
