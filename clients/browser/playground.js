// The playground as a person has it: what they see, type and press.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { openPage } from './browser.js';
import { token } from './gateway.js';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export class Playground {
  // open opens the page, and gives it the token unless it is told another, or none by "".
  static async open(context, origin, { as = token } = {}) {
    const made = new Playground();
    Object.assign(made, await openPage(context, origin, '/playground'));
    await made.page.waitForSelector('body[data-ready]');
    if (as) await made.identify(as);
    return made;
  }

  async identify(as) {
    const listed = this.page.waitForResponse('**/v1/models');
    await this.field('Token').fill(as);
    await this.field('Token').blur();
    if ((await listed).ok()) await this.page.waitForFunction(() => document.querySelector('#status').textContent === 'Models listed.');
  }

  field(label) { return this.page.getByLabel(label, { exact: true }); }

  // of is what belongs to a field of the contract: limits, help, fault.
  of(name) { return this.page.locator(`[data-field="${name}"]`); }

  button(name) { return this.page.getByRole('button', { name, exact: true }); }

  async openGroups() {
    const closed = this.page.locator('details:not([open]) > summary');
    while (await closed.count()) await closed.first().click();
  }

  group(title) { return this.page.locator('summary').filter({ hasText: title }); }

  // send presses Run or Stream and waits for the end, which it gives: "Done.", "Failed.", "Not sent."
  async send(button = 'Run') {
    await this.button(button).click();
    return this.ended();
  }

  async ended() {
    const ends = await this.page.waitForFunction(() => /^(Done|Failed|Stopped|Not sent)\.$/.exec(document.querySelector('#status').textContent)?.[0]);
    return ends.jsonValue();
  }

  tokens(choice = 0) { return this.page.locator(`.choice[data-index="${choice}"] [role=option]`); }

  async text(choice = 0) { return this.page.locator(`.choice[data-index="${choice}"] .text`).innerText(); }

  async figures() {
    return Object.fromEntries(await this.page.locator('.figures > div').evaluateAll((all) => all.map((one) => [...one.children].map((part) => part.textContent))));
  }

  // request is the text of the request, as curl or JSON.
  async request(form) {
    await this.page.locator('#request').getByText(form, { exact: true }).click();
    return this.page.locator('#request code').textContent();
  }

  async body() { return JSON.parse(await this.request('JSON')); }

  // accessible runs axe over what the page shows now.
  async accessible(state) {
    const found = await violations(this.page);
    assert.deepEqual(found, [], `axe, ${state}`);
  }

  // close looks at what holds for every test: nothing came from elsewhere, the policy was kept, and the token is
  // nowhere but in its field.
  async close({ as = token } = {}) {
    assert.deepEqual(this.complaints, [], 'the console');
    assert.deepEqual(this.asked.filter((url) => !url.startsWith(`${this.origin}/`)), [], 'requests to elsewhere');
    const kept = await this.page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, history.state]));
    assert.equal(kept, '[{},{},"",null]', 'what is kept');
    assert.equal(this.page.url(), `${this.origin}/playground`, 'the address');
    assert.ok(!(await this.page.content()).includes(as), 'the token is in the document');
    assert.ok(!this.asked.some((url) => url.includes(as)), 'the token is in an address');
    await this.page.close();
  }
}

// violations are what axe finds that is serious or critical, in words.
export async function violations(page) {
  await page.evaluate(axe);
  const { violations: found } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ['violations'] }));
  return found.filter(({ impact }) => ['serious', 'critical'].includes(impact))
    .map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.slice(0, 3).map((node) => node.target.join(' ')).join(', ')} (${nodes.length})`);
}
