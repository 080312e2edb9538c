// What a file of tests begins and ends with.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';

import { startBrowser } from './browser.js';
import { startGateway } from './gateway.js';
import { Playground } from './playground.js';

// prepare starts a browser for the tests of a file. open opens a playground of a gateway that was started with these
// arguments; gateways that are started alike are one.
export function prepare() {
  const root = process.env.SPECGATE_ROOT;
  const gateways = new Map();
  const scratch = mkdtempSync(join(tmpdir(), 'specgate-browser-files-'));
  let browser;
  before(async () => { browser = await startBrowser(); });
  after(async () => {
    await browser?.stop();
    for (const gateway of gateways.values()) await (await gateway).stop();
    rmSync(scratch, { recursive: true });
  });
  const gateway = (...args) => {
    const key = args.join(' ');
    if (!gateways.has(key)) gateways.set(key, startGateway(root, ...args));
    return gateways.get(key);
  };
  return {
    gateway,
    context: () => browser.context,
    open: async (args = [], options = {}) => Playground.open(browser.context, (await gateway(...args)).origin, options),
    file: (name, text) => {
      writeFileSync(join(scratch, name), text);
      return join(scratch, name);
    },
  };
}
