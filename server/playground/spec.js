// What the served contract says of a request, as a list of fields for a form. Limits, closed lists and further
// fields of an overlay stand in what is served, so they come out here by themselves.

const path = '/v1/completions';

// contract is the document as the gateway serves it.
export async function contract() {
  const response = await fetch('/openapi.json', { credentials: 'omit', cache: 'no-cache' });
  if (!response.ok) throw new Error(`/openapi.json answers ${response.status}`);
  return response.json();
}

// load reads the contract: its title and version, the fields of a body, and the headers beside it.
export const load = async () => read(await contract());

export function read(doc) {
  const operation = doc.paths[path].post;
  const body = resolve(doc, operation.requestBody.content['application/json'].schema);
  const headers = (operation.parameters ?? []).map((p) => resolve(doc, p)).filter((p) => p.in === 'header');
  return {
    title: doc.info.title,
    version: doc.info.version,
    closed: body.additionalProperties === false,
    fields: fieldsOf(doc, body),
    headers: headers.map((p) => describe(doc, p.name, { ...resolve(doc, p.schema), description: p.description }, p.required)),
  };
}

const fieldsOf = (doc, schema) =>
  Object.entries(schema.properties ?? {}).map(([name, s]) => describe(doc, name, s, schema.required?.includes(name)));

// resolve follows references, and the allOf of one schema that is how OpenAPI 3.0 puts words beside a reference.
export function resolve(doc, schema) {
  if (schema.$ref) {
    return resolve(doc, schema.$ref.slice(2).split('/').reduce((at, key) => at[key.replace(/~1/g, '/').replace(/~0/g, '~')], doc));
  }
  if (schema.allOf?.length === 1) return { ...resolve(doc, schema.allOf[0]), ...schema };
  return schema;
}

function describe(doc, name, raw, required = false) {
  const schema = resolve(doc, raw);
  const branches = (schema.oneOf ?? schema.anyOf ?? []).map((s) => resolve(doc, s));
  const field = {
    name,
    required,
    kind: kindOf(schema),
    nullable: [schema, ...branches].some((s) => s.nullable) || (schema.enum ?? []).includes(null),
    description: schema.description ?? '',
    minimum: schema.minimum,
    maximum: schema.maximum,
    default: schema.default,
    example: schema.example,
    pattern: schema.pattern,
    takesText: branches.some((s) => s.type === 'string'),
    options: optionsOf(schema),
    fields: fieldsOf(doc, schema),
  };
  return { ...field, hint: hintOf(schema, branches) };
}

function kindOf(schema) {
  if (schema.enum || schema.type === 'boolean') return 'choice';
  if (schema.type === 'integer' || schema.type === 'number') return schema.type;
  if (schema.type === 'string') return 'text';
  if (schema.type === 'object' && schema.properties) return 'group';
  return 'json';
}

function optionsOf(schema) {
  if (schema.enum) return schema.enum.filter((value) => value !== null);
  return schema.type === 'boolean' ? [true, false] : [];
}

// hintOf says the limits and the default in a few words: "0 to 2 · default 1".
export function hintOf(schema, branches) {
  const limits = [schema, ...branches, schema.additionalProperties, schema.items].filter((s) => typeof s === 'object').flatMap((s) => [
    span(s.minimum, s.maximum, s),
    span(s.minLength, s.maxLength, {}, 'character'),
    span(s.minItems, s.maxItems, {}, 'item'),
  ]);
  const fallback = schema.default === undefined ? null : `default ${JSON.stringify(schema.default)}`;
  const said = [...new Set([...limits, fallback].filter(Boolean))];
  return said.join(' · ') || (/integer|number/.test(schema.type) ? schema.type : '');
}

function span(least, most, { exclusiveMinimum, exclusiveMaximum }, unit) {
  if (least === undefined && most === undefined) return null;
  const number = (n) => n.toLocaleString('en').replace('-', '−');
  const units = unit ? ` ${unit}${(most ?? least) === 1 ? '' : 's'}` : '';
  if (least === undefined) return `${exclusiveMaximum ? 'below' : 'at most'} ${number(most)}${units}`;
  if (most === undefined) return `${exclusiveMinimum ? 'above' : 'at least'} ${number(least)}${units}`;
  const except = exclusiveMinimum || exclusiveMaximum ? ', limits excluded' : '';
  return `${number(least)} to ${number(most)}${units}${except}`;
}
