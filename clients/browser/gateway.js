// Gateways for the tests: bin/specgate with the model in it, each on a port of its own.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export const token = 'sg-browser-test-token';

// startGateway starts one with further arguments, and gives {origin, stop}. Nothing that is exported for another gateway
// or backend reaches it.
export async function startGateway(root, ...args) {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, SPECGATE_API_KEY: token };
  const gateway = spawn(`${root}/bin/specgate`, ['serve', '--listen', '127.0.0.1:0', '--ops-listen=', '--log-format', 'text', ...args],
    { cwd: root, env, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((resolve) => gateway.once('exit', resolve));
  const stop = () => { gateway.kill(); return ended; };
  const said = [];
  for await (const line of createInterface({ input: gateway.stderr })) {
    said.push(line);
    const [, address] = / msg=listening address=(\S+)/.exec(line) ?? [];
    if (address) {
      gateway.stderr.resume();
      return { origin: `http://${address}`, stop };
    }
  }
  throw new Error(`the gateway does not start:\n${said.join('\n')}`);
}
