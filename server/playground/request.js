// What is sent, and the same as a command for a shell.

export const path = '/v1/completions';

// requestOf reads a form. The body is a text, and the page sends it as it shows it.
export function requestOf(form, streamed) {
  const members = [];
  for (const field of form.body) {
    const raw = field.read();
    if (raw === undefined || (field.name === 'stream_options' && raw !== 'null' && !streamed)) continue;
    members.push([field.name, raw]);
  }
  if (streamed) members.push(['stream', 'true']);
  const lines = members.map(([name, raw]) => `${JSON.stringify(name)}: ${raw}`);
  const further = form.further?.read();
  if (further !== undefined) lines.push(further);
  const headers = form.headers.map((field) => [field.name, field.read()]).filter(([, raw]) => raw !== undefined);
  return {
    streamed,
    headers: Object.fromEntries(headers.map(([name, raw]) => [name, JSON.parse(raw)])),
    body: `{\n${lines.map((line) => `  ${line}`).join(',\n')}\n}`,
  };
}

// notHeader says what keeps a text from being sent in a header; "" where it can be.
export const notHeader = (text) => (/^[\t\x20-\x7e]*$/.test(text) ? '' : 'A header takes one line of ASCII.');

// shapeOf says how the choices of an answer belong to the prompts: index = prompt × n + choice.
export function shapeOf(body) {
  const { n, prompt } = JSON.parse(body);
  const several = Array.isArray(prompt) && typeof prompt[0] !== 'number';
  return { n: n ?? 1, prompts: several ? prompt.length : 1 };
}

// curlOf is a command that sends the same bytes. The token is the shell's: it is not in the page's text.
export function curlOf(request, origin) {
  const headers = Object.entries({ 'Content-Type': 'application/json', ...request.headers });
  return [
    `curl -sS${request.streamed ? 'N' : ''} ${quoted(origin + path)}`,
    '-H "Authorization: Bearer $TOKEN"',
    ...headers.map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    `--data-binary ${quoted(request.body)}`,
  ].join(' \\\n  ');
}

// quoted is a text as one word of a shell.
export const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
