// The page lives by the event stream; and what it does when the stream is lost, or an answer does not come.
import AxeBuilder from '@axe-core/playwright';
import { problem } from './fixture/server';
import { expect, expectFocus, test } from './page';

const event = (subject: string) => ({
  at: '2026-11-23T03:12:41Z',
  kind: 'run',
  subject,
  text: 'said by the test',
  state: 'ok' as const,
});

test('a status replaces the numbers in place', async ({ page, tide }) => {
  await tide.show('healthy');
  const stage = tide.server.data.status.stages[0];
  if (stage) stage.value = '7.1 events/s';
  tide.server.pushStatus();
  await expect(page.locator('[data-stage=source] .value')).toHaveText('7.1 events/s');
});

test('the target is read again when a window has closed, at most twice a second', async ({ page, tide }) => {
  await tide.show('healthy');
  await page.waitForTimeout(600);
  const before = tide.server.asked('GET', '/target').length;
  const began = Date.now();
  for (let k = 0; k < 20; k++) {
    tide.server.data.status.windows['tx_metrics']! += 1;
    tide.server.pushStatus();
    await page.waitForTimeout(50);
  }
  await page.waitForTimeout(700);
  const asked = tide.server.asked('GET', '/target').length - before,
    allowed = Math.ceil((Date.now() - began) / 500) + 1;
  expect(asked).toBeGreaterThanOrEqual(2);
  expect(asked).toBeLessThanOrEqual(allowed);
});

test('the losses are read again when an evaluation, the alarm or production changes, and not for a mere tick', async ({
  page,
  tide,
}) => {
  await tide.show('healthy');
  await page.waitForTimeout(600);
  const count = (): number => tide.server.asked('GET', '/accuracy').length,
    before = count();
  tide.server.data.status.events.read += 10;
  tide.server.pushStatus();
  await page.waitForTimeout(700);
  expect(count()).toBe(before);
  tide.server.data.status.evaluated_at = '2026-11-23T04:00:00Z';
  tide.server.pushStatus();
  await expect.poll(count).toBe(before + 1);
  tide.server.data.status.alarm = 'ALARM';
  tide.server.pushStatus();
  await expect.poll(count).toBe(before + 2);
});

test('what happens is put on top of the list', async ({ page, tide }) => {
  await tide.show('healthy');
  tide.server.happen(event('Run 48 started'));
  await expect(page.locator('.events li').first()).toContainText('Run 48 started');
});

test('while the list is read it does not move; what is new is counted, and shown when asked for', async ({ page, tide }) => {
  await page.setViewportSize({ width: 1280, height: 600 });
  await tide.show('healthy');
  await page.locator('.events li').last().scrollIntoViewIfNeeded();
  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  await page.locator('.events li').last().hover();
  const first = await page.locator('.events li').first().textContent();
  for (const k of [1, 2, 3]) tide.server.happen(event(`Event ${k}`));
  await expect(page.getByRole('button', { name: '3 new' })).toBeVisible();
  expect((await page.locator('.events li').first().textContent())?.slice(0, 5)).toBe(first?.slice(0, 5));
  await expect(page.getByText('Event 3')).toHaveCount(0);
  await page.getByRole('button', { name: '3 new' }).click();
  await expect(page.locator('.events li').first()).toContainText('Event 3');
  await expectFocus(page.getByRole('heading', { name: 'What happened' }));
});

test('an item that is sent twice stands once', async ({ page, tide }) => {
  await tide.show('healthy');
  tide.server.happen(event('Only once'));
  const item = tide.server.data.timeline.items[0];
  tide.server.push(`id: ${item?.number}\nevent: timeline\ndata: ${JSON.stringify(item)}\n\n`);
  tide.server.happen(event('After it'));
  await expect(page.locator('.events li').first()).toContainText('After it');
  await expect(page.getByText('Only once')).toHaveCount(1);
});

test('the stream follows the timeline without a hole', async ({ tide }) => {
  await tide.show('healthy');
  const newest = tide.server.data.timeline.items[0]?.number;
  expect(tide.server.asked('GET', '/events').map((r) => r.path)).toEqual([`/events?after=${newest}`]);
});

test('older items are read on demand', async ({ page, tide }) => {
  await tide.show('healthy');
  const before = await page.locator('.events li').count();
  await page.getByRole('button', { name: 'Older' }).click();
  await expect(page.locator('.events li')).toHaveCount(before + 3);
  await expect(page.getByRole('button', { name: 'Older' })).toHaveCount(0);
});

test('reset reads everything again', async ({ page, tide }) => {
  await tide.show('healthy');
  await page.waitForTimeout(600);
  const count = (): number[] => ['/status', '/target', '/accuracy', '/timeline'].map((p) => tide.server.asked('GET', p).length),
    before = count();
  tide.server.push('event: reset\ndata: {}\n\n');
  await expect.poll(count).toEqual(before.map((n) => n + 1));
});

test('a lost stream is said with its age, dims the numbers and leaves the actions; a found one goes on from the last event', async ({
  page,
  tide,
}) => {
  await tide.show('waiting_for_approval');
  tide.server.happen(event('Before the cut'));
  await expect(page.locator('.events li').first()).toContainText('Before the cut');
  const ink = (): Promise<string> => page.locator('h1').evaluate((h) => getComputedStyle(h).color),
    bright = await ink();
  tide.server.cut();
  const mark = page.locator('[data-live]');
  await expect(mark).toHaveAttribute('data-live', 'lost');
  await expect(mark).toContainText(/lost [1-9]\d*\ss ago/);
  await expect(mark.locator('svg')).toHaveAttribute('data-mark', 'warn');
  await expect(page.getByRole('status').filter({ hasText: 'Connection lost' })).toHaveCount(1);
  expect(await ink()).not.toBe(bright);
  await page.screenshot({ path: 'test-results/screens/lost-1280-light.png', fullPage: true });
  await expect(page.getByRole('button', { name: 'Approve model 14' })).toBeEnabled();
  expect(
    (await new AxeBuilder({ page }).analyze()).violations.map((v) => v.id),
    'dimmed text is still readable',
  ).toEqual([]);
  tide.server.restore();
  await expect(mark).toHaveAttribute('data-live', 'live');
  expect(await ink()).toBe(bright);
  await expect(page.getByRole('status').filter({ hasText: 'Connected again' })).toHaveCount(1);
  expect(tide.server.asked('GET', '/events').at(-1)?.lastEventId).toBe(String(tide.server.data.timeline.items[0]?.number));
});

test('while it reads, each part has its frame and size', async ({ page, tide }) => {
  await page.route('**/api/v1/target*', async (route) => {
    await new Promise((r) => setTimeout(r, 1500));
    await route.continue();
  });
  await page.goto(tide.origin);
  const plot = page.locator('[data-chart=target]');
  await expect(page.getByText('Reading 3 hours')).toBeVisible();
  const height = (await plot.boundingBox())?.height;
  await expect(page.getByText('Reading 3 hours')).toHaveCount(0);
  expect((await plot.boundingBox())?.height).toBe(height);
});

test('an answer that fails is said with its reason and a button, is tried again by itself, and the part keeps its size', async ({
  page,
  tide,
}) => {
  tide.server.override.set(
    'GET /target',
    problem(503, 'Service Unavailable', 'The offline store is compacting. Nothing is lost; ingestion goes on.'),
  );
  await page.goto(tide.origin);
  await expect(page.getByText('The offline store is compacting.')).toBeVisible();
  await expect(page.getByText(/Tried again in \d\ss/)).toBeVisible();
  const height = (await page.locator('[data-chart=target]').boundingBox())?.height;
  await page.screenshot({ path: 'test-results/screens/error-1280-light.png', fullPage: true });
  tide.server.override.clear();
  await page.getByRole('button', { name: 'Try now' }).click();
  await expect(page.getByRole('img', { name: /Average fee a minute: [\d,.]+.satoshi at 03:10 UTC/ })).toBeVisible();
  expect((await page.locator('[data-chart=target]').boundingBox())?.height).toBe(height);
});

test('a chart whose answer fails later keeps its last picture, dimmed, with its age', async ({ page, tide }) => {
  await tide.show('healthy');
  tide.server.override.set('GET /target', problem(503, 'Service Unavailable', 'The offline store is compacting.'));
  tide.server.data.status.windows['tx_metrics']! += 1;
  tide.server.pushStatus();
  await expect(page.getByText(/stale: newest row 03:10, 2\smin \d+\ss old/)).toBeVisible();
  await expect(page.locator('[data-chart=target] .lines')).toHaveCSS('opacity', '0.4');
});

test('a definition without a forecast says so instead of asking again and again', async ({ page, tide }) => {
  await tide.show('features_only');
  await expect(page.getByText('tidecast.yaml defines no forecast.')).toBeVisible();
  await expect(page.getByRole('heading', { name: /^Loss of/ })).toHaveCount(0);
  await page.waitForTimeout(600);
  const before = tide.server.asked('GET', '/target').length;
  await page.waitForTimeout(4500);
  expect(tide.server.asked('GET', '/target').length).toBe(before);
});
