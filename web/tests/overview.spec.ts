// What the Overview says in each state of the loop.
import { fixture } from './fixture/states';
import { expect, expectFocus, test } from './page';

const sentences = {
  starting: 'Started 4 seconds ago; no event has been read yet.',
  collecting: 'Collecting: 47 of the 300 observations that a first model needs are in, the last about 07:24 UTC.',
  healthy: 'Healthy: production model 13 keeps its threshold, with a loss of 0.086 in the last hour against 0.127.',
  alarm: 'Serving, but production model 13 has missed its threshold for 5 hours. Run 47 trains a replacement.',
  waiting_for_approval:
    'Serving, but production model 13 has missed its threshold for 5 hours. Its replacement, model 14, is ready and waits for your approval.',
  source_down: 'The source has not answered for 21 minutes; forecasts rest on data from before 02:50.',
  no_data: 'Serving, but whether model 13 is still good cannot be said: NO_DATA since 03:00.',
  features_only: 'Features only: 47 windows are closed, and no forecast is defined.',
} as const;

for (const [state, sentence] of Object.entries(sentences) as [keyof typeof sentences, string][]) {
  test(`${state}: the page begins with its sentence and shows the nine stages with a shape, a word and a value`, async ({
    page,
    tide,
  }) => {
    await tide.show(state);
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(sentence);
    const stages = page.getByRole('list', { name: 'The loop, in data order' }).getByRole('listitem');
    await expect(stages).toHaveCount(9);
    for (const [i, expected] of fixture(state).status.stages.entries()) {
      const stage = stages.nth(i),
        word = {
          ok: 'ok',
          warn: 'warning',
          alarm: 'alarm',
          waiting: 'waiting',
          running: 'running',
          no_data: 'no data',
          idle: 'idle',
          info: 'note',
        }[expected.state];
      await expect(stage).toContainText(`${expected.name}, ${word}:`);
      await expect(stage.locator('.value')).toHaveText(expected.value);
      await expect(stage.locator('svg')).toHaveAttribute('data-mark', expected.state);
    }
  });
}

test('the emphasis of the sentence wears the colour of its tone', async ({ page, tide }) => {
  await tide.show('alarm');
  const emphasis = page.locator('h1 em');
  await expect(emphasis).toHaveText('5 hours');
  await expect(emphasis).toHaveCSS('color', 'rgb(189, 36, 22)');
});

test('the line of the loop is dashed where it waits for a person, and only there', async ({ page, tide }) => {
  await tide.show('waiting_for_approval');
  await expect(page.locator('.loop li.waits')).toHaveCount(2);
  await expect(page.locator('[data-stage=retrain].waits, [data-stage=approve].waits')).toHaveCount(2);
  tide.server.show('alarm');
  await expect(page.locator('.loop li.waits')).toHaveCount(0);
});

test('what needs a person is counted in the top bar and listed; nothing is claimed when nothing does', async ({ page, tide }) => {
  await tide.show('waiting_for_approval');
  await expect(page.getByRole('link', { name: '1 alarm' })).toBeVisible();
  await expect(page.getByRole('link', { name: '1 approval' })).toHaveAttribute('href', '#needs-you');
  await expect(page.getByRole('article')).toHaveCount(2);
  tide.server.show('healthy');
  await expect(page.getByRole('article')).toHaveCount(0);
  await expect(page.getByRole('heading', { name: 'Needs you' })).toHaveCount(0);
  await expect(page.locator('.pill')).toHaveCount(0);
});

test("what comes next has a time, a countdown by the server's clock and a reason", async ({ page, tide }) => {
  await tide.show('healthy');
  const first = page.locator('.next li').first();
  await expect(first).toContainText('03:13:00');
  await expect(first).toContainText('The first event from 03:13:00 on moves the watermark');
  const left = async (): Promise<number> => Number(/in (\d+)/.exec((await first.locator('.when').textContent()) ?? '')?.[1]);
  const before = await left();
  expect(before).toBeLessThanOrEqual(19);
  await expect.poll(left).toBeLessThan(before);
});

test('ages tick by themselves', async ({ page, tide }) => {
  await tide.show('healthy');
  const age = async (): Promise<number> =>
    Number(/polled (\d+)/.exec((await page.locator('[data-stage=source]').textContent()) ?? '')?.[1]);
  const before = await age();
  expect(before).toBeGreaterThanOrEqual(6);
  await expect.poll(age).toBeGreaterThan(before);
});

test('a simulated clock stands where the server said, and a replay shows how far it is', async ({ page, tide }) => {
  await tide.show('healthy');
  Object.assign(tide.server.data.status, { clock: 'simulated', mode: 'replay', progress: 0.43, now: '2026-11-23T03:12:41Z' });
  tide.server.pushStatus();
  await expect(page.locator('.clock')).toContainText('simulated');
  await expect(page.getByRole('progressbar', { name: 'Replay' })).toHaveAttribute('aria-valuenow', '43');
  const shown = await page.locator('.clock').textContent();
  await page.waitForTimeout(1500);
  expect(await page.locator('.clock').textContent()).toBe(shown);
  tide.server.data.status.now = '2026-11-23T05:00:00Z';
  tide.server.pushStatus();
  await expect(page.locator('.clock')).toContainText('05:00:00');
  tide.server.data.status.progress = 1;
  tide.server.pushStatus();
  await expect(page.locator('.replay')).toHaveText('replay ended');
});

test('nothing is asked of any other origin, and nothing breaks the content security policy', async ({ page, tide }) => {
  const strangers: string[] = [],
    complaints: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(tide.origin) && !request.url().startsWith('data:')) strangers.push(request.url());
  });
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await tide.show('waiting_for_approval');
  await page.keyboard.press('?');
  await page.keyboard.press('Escape');
  expect(strangers).toEqual([]);
  expect(complaints).toEqual([]);
});

test('every link leads somewhere on the page', async ({ page, tide }) => {
  await tide.show('waiting_for_approval');
  const targets = await page.locator('a').evaluateAll((links) => links.map((a) => a.getAttribute('href') ?? ''));
  expect(targets.length).toBeGreaterThan(0);
  for (const target of targets) {
    expect(target).toMatch(/^#/);
    await expect(page.locator(target)).toHaveCount(1);
  }
});

test('the theme follows the system until one is chosen, and the choice is kept', async ({ page, tide }) => {
  const shown = (): Promise<string | undefined> => page.evaluate(() => document.documentElement.dataset['theme']);
  await page.emulateMedia({ colorScheme: 'dark' });
  await tide.show('healthy');
  expect(await shown()).toBe('dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await expect.poll(shown).toBe('light');
  await page.keyboard.press('d');
  await expect(page.getByLabel('Theme')).toHaveValue('dark');
  await page.reload();
  expect(await shown()).toBe('dark');
  await page.getByLabel('Theme').selectOption('system');
  expect(await shown()).toBe('light');
});

test('the list of keys opens with ?, closes with Esc and gives the focus back', async ({ page, tide }) => {
  await tide.show('healthy');
  await page.getByRole('img', { name: /^Average fee/ }).focus();
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog', { name: 'Keys' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await expectFocus(page.getByRole('img', { name: /^Average fee/ }));
});

test('a command is copied to the clipboard', async ({ page, tide, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await tide.show('healthy');
  await page.getByRole('button', { name: 'Copy the CLI form: tidecast status' }).click();
  await expect(page.getByRole('button', { name: 'Copy the CLI form: tidecast status' })).toHaveText('Copied');
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('tidecast status');
});

test('at 200 % zoom nothing scrolls sideways', async ({ page, tide }) => {
  await page.setViewportSize({ width: 640, height: 645 }); // 1280 px at 200 %
  await tide.show('waiting_for_approval');
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  await page.screenshot({ path: 'test-results/screens/waiting_for_approval-zoomed.png', fullPage: true });
});

test('under reduced motion nothing pulses', async ({ page, tide }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await tide.show('healthy');
  await expect(page.locator('.pulse')).toHaveCSS('animation-name', 'none');
  await page.emulateMedia({ reducedMotion: 'no-preference' });
  await expect(page.locator('.pulse')).toHaveCSS('animation-name', 'pulse');
});

test('the top bar stays on one line of 48 px at both widths', async ({ page, tide }) => {
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 844 });
    await tide.show('waiting_for_approval');
    const heights = await page.locator('.topin > *').evaluateAll((parts) => parts.map((part) => part.getBoundingClientRect().height));
    expect(Math.max(...heights)).toBeLessThanOrEqual(40);
    expect(await page.locator('.clock').evaluate((clock) => getComputedStyle(clock).paddingLeft)).toBe('0px');
  }
});
