// A browser with nothing of its owner's, and pages in it that are watched: what they ask for, what they complain of.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { chromium } from 'playwright-core';

const args = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

// startBrowser starts CHROMIUM, or Debian's, with a new folder for its data.
export async function startBrowser() {
  const data = await mkdtemp(join(tmpdir(), 'specgate-browser-'));
  const context = await chromium.launchPersistentContext(data, {
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args, viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce',
  });
  return {
    context,
    stop: async () => {
      await context.close();
      await rm(data, { recursive: true, force: true });
    },
  };
}

// openPage opens a page and keeps what a test looks at in the end: {page, origin, asked, complaints}.
export async function openPage(context, origin, path) {
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const seen = { page, origin, asked: [], complaints: [] };
  page.on('request', (request) => seen.asked.push(request.url()));
  page.on('pageerror', (error) => seen.complaints.push(`error: ${error.message}`));
  page.on('console', (message) => {
    // A status that is not 2xx is named in the console by the browser itself, and is no fault of the page's.
    if (['error', 'warning'].includes(message.type()) && !/^Failed to load resource/.test(message.text())) seen.complaints.push(message.text());
  });
  await page.goto(origin + path);
  return seen;
}
