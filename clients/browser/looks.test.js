// How the playground looks: dark, narrow, to axe. With SCREENSHOTS, a folder, the pictures of the README are written
// there.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import { openPage } from './browser.js';
import { prepare } from './setup.js';

const { open, gateway, context } = prepare();

// answered is a page with an answer, the same each time but for the times in it.
async function answered() {
  const it = await open();
  await it.field('max_tokens').fill('56');
  await it.field('logprobs').fill('4');
  await it.group('Sampling').click();
  await it.field('seed').fill('8');
  await it.group('Sampling').click();
  assert.equal(await it.send('Stream'), 'Done.');
  return it;
}

const picture = async (it, name) => {
  if (process.env.SCREENSHOTS) await it.page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`) });
};

test('light and dark, wide and narrow', async () => {
  const it = await answered();
  for (const colorScheme of ['light', 'dark']) {
    await it.page.emulateMedia({ colorScheme });
    for (const width of [1280, 360]) {
      await it.page.setViewportSize({ width, height: width === 360 ? 780 : 820 });
      await it.page.evaluate(() => scrollTo(0, 0));
      assert.equal(await it.page.evaluate(() => document.scrollingElement.scrollWidth), width, `${width}px wide`);
      if (width === 360) await it.page.locator('#results').evaluate((one) => one.scrollIntoView());
      await it.tokens().nth(3).hover();
      await it.accessible(`${colorScheme}, ${width} px`);
      await picture(it, `playground-${colorScheme}${width === 360 ? '-narrow' : ''}`);
    }
  }
  await it.page.setViewportSize({ width: 1280, height: 900 });
  await it.close();
});

test('the reference, at the completion', async () => {
  const it = await openPage(context(), (await gateway()).origin, '/docs#createCompletion');
  await it.page.waitForSelector('body[data-ready]');
  assert.ok(await it.page.getByText('POST /v1/completions').first().isVisible());
  await picture(it, 'docs-light');
  await it.page.close();
});

test('before anything was typed', async () => {
  const it = await open([], { as: '' });
  await it.accessible('empty');
  await it.close();
});

test('the two pages lead to each other', async () => {
  const it = await openPage(context(), (await gateway()).origin, '/playground');
  await it.page.getByRole('link', { name: 'Reference' }).click();
  await it.page.waitForSelector('body[data-ready]');
  await it.page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Playground' }).click();
  await it.page.waitForSelector('body[data-ready]');
  await it.page.waitForURL('**/playground');
  await it.page.close();
});
