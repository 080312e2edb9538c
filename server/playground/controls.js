// One control for each kind of field. A control reads as the JSON text that is to be sent, or as undefined where the
// field is to be left out: absent, null and the default are three things. JSON text and not a value, since an integer
// may have more digits than a number of JavaScript.
import { el } from './dom.js';

const jsonNumber = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

// control makes what a person types into: {input, parts, read, problem}. parts are the elements, the input among them;
// problem says why there is nothing to send, where what was typed is no value at all.
export function control(field, id) {
  return (makers[field.kind] ?? makers.json)(field, id);
}

const makers = { integer: number, number, choice, text, json };

function number(field, id) {
  const input = el('input', {
    id, type: 'number', inputmode: field.kind === 'integer' && !(field.minimum < 0) ? 'numeric' : 'decimal',
    min: field.minimum, max: field.maximum, step: stepOf(field), placeholder: field.default, autocomplete: 'off',
  });
  const slider = bounded(field) ? sliderOf(field, input) : null;
  return {
    input,
    parts: [el('div', { class: 'number' }, input, slider)],
    read: () => (input.value === '' ? undefined : jsonNumber.test(input.value) ? input.value : String(Number(input.value))),
    problem: () => (input.validity.badInput ? 'This is not a number.' : ''),
  };
}

const bounded = (field) => field.minimum !== undefined && field.maximum !== undefined;

const stepOf = (field) => (field.kind === 'integer' ? 1 : bounded(field) && field.maximum - field.minimum <= 10 ? 0.05 : 'any');

// sliderOf gives a pointer the same as the field beside it, which is what keyboards and screen readers use.
function sliderOf(field, input) {
  const slider = el('input', {
    type: 'range', class: 'slider', tabindex: -1, 'aria-hidden': 'true', min: field.minimum, max: field.maximum, step: stepOf(field),
  });
  const follow = () => {
    slider.value = input.value === '' ? field.default ?? field.minimum : input.value;
    slider.classList.toggle('unset', input.value === '');
  };
  slider.addEventListener('input', () => {
    input.value = slider.value;
    slider.classList.remove('unset');
  });
  input.addEventListener('input', follow);
  follow();
  return slider;
}

function choice(field, id) {
  const options = field.nullable ? [...field.options, null] : field.options;
  const input = el('select', { id }, el('option', { value: '' }, 'not sent'),
    ...options.map((value) => el('option', { value: JSON.stringify(value) }, String(value))));
  return { input, parts: [input], read: () => input.value || undefined, problem: () => '' };
}

function text(field, id) {
  const input = el('textarea', { id, rows: 1, spellcheck: 'false', autocomplete: 'off', placeholder: 'not sent' });
  return {
    input,
    parts: [input],
    read: () => (input.value === '' ? undefined : JSON.stringify(input.value)),
    problem: () => '',
  };
}

// json takes any value as JSON. Where a text would do, what does not look like JSON is one.
function json(field, id) {
  const example = field.example === undefined ? '' : JSON.stringify(field.example);
  const input = el('textarea', { id, rows: 1, spellcheck: 'false', autocomplete: 'off', placeholder: `JSON, as ${example}` });
  const plain = () => field.takesText && !/^\s*["[{]/.test(input.value);
  return {
    input,
    parts: [input],
    read: () => (input.value.trim() === '' ? undefined : plain() ? JSON.stringify(input.value) : input.value.trim()),
    problem: () => (input.value.trim() === '' || plain() ? '' : notJSON(input.value)),
  };
}

// notJSON says what keeps a text from being JSON; "" where it is JSON.
export function notJSON(text) {
  try {
    JSON.parse(text);
    return '';
  } catch (error) {
    return `This is not JSON: ${error.message}`;
  }
}
