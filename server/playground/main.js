// The playground: reads the contract, makes the form of it, sends what it says and shows what comes back.
import { modes, tokenField } from './access.js';
import { answerIn, clock, figures } from './answer.js';
import { ask, models } from './ask.js';
import { byId, copyButton, el } from './dom.js';
import { formOf } from './form.js';
import { report, show } from './problems.js';
import { curlOf, requestOf, shapeOf } from './request.js';
import { load } from './spec.js';
import { tipFor } from './tip.js';

const [status, problem, answer, numbers] = ['status', 'problem-at', 'answer', 'figures'].map(byId);
const [stream, stop] = ['stream', 'stop'].map(byId);
const hideTip = tipFor(answer);
let form, token, running;

async function start() {
  const contract = await load();
  byId('title').textContent = contract.title;
  byId('version').textContent = contract.version;
  token = tokenField(listModels);
  byId('basics').append(token.element);
  form = formOf(contract, { basics: byId('basics'), more: byId('more') });
  const shown = preview();
  byId('form').addEventListener('input', shown.update);
  byId('form').addEventListener('change', shown.update);
  byId('form').addEventListener('submit', (event) => { event.preventDefault(); send(false, shown); });
  stream.addEventListener('click', () => send(true, shown));
  stop.addEventListener('click', () => running?.abort());
  byId('form').addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) send(event.shiftKey, shown);
  });
  shown.update();
  document.body.dataset.ready = 'true';
}

// listModels asks for the models of a token, whenever there is another.
async function listModels() {
  token.clear();
  if (token.input.value === '' || token.faults().length) return;
  try {
    form.model.list(await models(token.input.value, requestOf(form, false).headers));
    status.textContent = 'Models listed.';
    byId('form').dispatchEvent(new Event('change'));
  } catch (error) {
    token.show(error.message);
  }
}

// send asks once. What is running ends first.
async function send(streamed, shown) {
  running?.abort();
  const fields = [token, ...form.all];
  fields.forEach((field) => field.clear());
  shown.choose(streamed);
  [problem, answer, numbers].forEach((place) => place.replaceChildren());
  hideTip();
  const faults = fields.flatMap((field) => field.faults());
  if (faults.length) {
    show(problem, 'This cannot be sent', faults);
    status.textContent = 'Not sent.';
    return;
  }
  const controller = new AbortController();
  running = controller;
  busy(true);
  await exchange(requestOf(form, streamed), controller.signal);
  if (running === controller) busy(false);
}

// exchange sends a request and shows the answer as it comes, and how it ended.
async function exchange(request, signal) {
  const came = { usage: null, headers: null, streamed: request.streamed };
  const time = clock();
  const shown = answerIn(answer, shapeOf(request.body));
  let ended = 'Done.';
  const piece = ({ choices, usage }) => {
    if (signal.aborted) return;
    if (choices.some((choice) => choice.text)) time.piece();
    choices.forEach(shown.add);
    came.usage = usage ?? came.usage;
  };
  try {
    await ask(request, token.input.value, { signal, piece, begun: (headers) => { came.headers = headers; bringIntoView(); } });
    shown.end('');
  } catch (error) {
    ended = signal.aborted ? 'Stopped.' : 'Failed.';
    shown.end(signal.aborted ? 'stopped' : 'broken off');
    if (!signal.aborted) report(problem, error, { form, token });
  }
  if (running.signal !== signal) return; // another request has the page
  if (came.headers) numbers.replaceChildren(...figures({ ...came, times: time.read(), tokens: shown.tokens() }));
  status.textContent = ended;
}

function busy(on) {
  stop.disabled = !on;
  byId('results').setAttribute('aria-busy', String(on));
  if (on) status.textContent = 'Running …';
}

// bringIntoView is for narrow screens, where the answer is below the form.
function bringIntoView() {
  const results = byId('results');
  if (results.getBoundingClientRect().top > innerHeight * 0.7) results.scrollIntoView();
}

// preview keeps the request in view, as a command and as JSON.
function preview() {
  const how = modes(['Run', 'Stream'], 'Request of');
  const what = modes(['curl', 'JSON'], 'Form of the request');
  const code = el('code');
  const text = () => code.textContent;
  const update = () => {
    const request = requestOf(form, how.value() === 'Stream');
    code.textContent = what.value() === 'JSON' ? request.body : curlOf(request, location.origin);
  };
  byId('request').append(el('header', {}, el('h2', { id: 'request-title' }, 'Request'), how.element, what.element, copyButton(text, 'the request')),
    el('pre', { tabindex: 0, 'aria-labelledby': 'request-title', role: 'region' }, code));
  [how, what].forEach((one) => one.element.addEventListener('change', update));
  return { update, choose: (streamed) => { how.choose(streamed ? 'Stream' : 'Run'); update(); } };
}

start().catch((error) => { status.textContent = `The contract cannot be read: ${error.message}`; });
