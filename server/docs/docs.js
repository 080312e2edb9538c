// The reference: the contract as it is served, to be read. Operations by their tags, then the schemas that they name.
import { byId, el } from '/playground/dom.js';
import { contract } from '/playground/spec.js';
import { operationOf } from './operation.js';
import { schemaOf } from './schema.js';
import { text } from './text.js';

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

// operations of a document, in its order: {id, method, path, tags, …}.
const operations = (doc) => Object.entries(doc.paths).flatMap(([path, item]) =>
  methods.filter((method) => item[method]).map((method) => ({ ...item[method], id: item[method].operationId, method, path })));

async function start() {
  const doc = await contract();
  const all = operations(doc);
  const schemas = Object.entries(doc.components?.schemas ?? {});
  byId('version').textContent = doc.info.version;
  const chapters = (doc.tags ?? []).map((tag) => [tag, all.filter(({ tags }) => tags?.includes(tag.name))]);
  byId('reference').replaceChildren(
    el('section', { class: 'panel' }, el('h2', {}, 'The contract'), ...text(doc.info.description), access(doc)),
    ...chapters.flatMap(([tag, list]) => [el('h2', {}, tag.name), ...text(tag.description), ...list.map((one) => operationOf(doc, one))]),
    el('h2', {}, 'Schemas'),
    ...schemas.map(([name, schema]) => schemaOf(doc, name, schema)),
  );
  byId('contents').append(
    ...chapters.flatMap(([tag, list]) => group(tag.name, list.map(({ id, method, path }) => [id, `${method.toUpperCase()} ${path}`]))),
    ...group('Schemas', schemas.map(([name]) => [name, name])),
  );
  named()?.scrollIntoView(); // which was not there when the page was opened
  document.body.dataset.ready = 'true';
}

// named is the part that the address names, if there is one. What stands in an address may be no text at all, as `#%`.
function named() {
  try {
    return byId(decodeURIComponent(location.hash.slice(1)));
  } catch {
    return null;
  }
}

const group = (title, entries) => [el('h2', {}, title), el('ul', {}, ...entries.map(([id, name]) => el('li', {}, el('a', { href: `#${id}` }, name))))];

// access says who may ask, and what may be done with the contract.
function access({ components, info }) {
  const schemes = Object.values(components?.securitySchemes ?? {}).flatMap(({ description }) => text(description));
  const licence = info.license && el('p', { class: 'hint' }, 'Licence: ', el('a', { href: info.license.url, rel: 'noreferrer' }, info.license.name));
  return el('div', {}, ...schemes, licence);
}

start().catch((error) => {
  byId('reference').replaceChildren(el('p', { id: 'status', role: 'status' }, `The contract cannot be read: ${error.message}`));
});
