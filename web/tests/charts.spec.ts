// The charts: what they say in words, by keys and as tables, and the marks that must not be missing.
import type { Page } from '@playwright/test';
import { fixture } from './fixture/states';
import { expect, expectFocus, test } from './page';

const target = (page: Page) => page.locator('[data-chart=target]');
const loss = (page: Page) => page.locator('[data-chart=loss]');

test('each chart takes the focus and carries a sentence', async ({ page, tide }) => {
  await tide.show('waiting_for_approval');
  await expect(target(page)).toHaveAccessibleName(
    /^Average fee a minute: [\d,.]+.satoshi at 03:10 UTC\. Model 13 in production forecasts [\d,.]+ for 03:40, 90.% between [\d,.]+ and [\d,.]+\. The newest 60 values ran \d+.% above what had been said 20.min before\. 1 source gap\.$/,
  );
  await expect(loss(page)).toHaveAccessibleName(
    'Loss of production over 24 hours: 0.132 at 03:00 UTC, threshold 0.127. 5 of 24 evaluations breached. ALARM since 01:00.',
  );
  for (const chart of [target(page), loss(page)]) {
    await chart.focus();
    await expectFocus(chart);
  }
});

test('the arrow keys move the crosshair from row to row, the address keeps it, Esc takes it away', async ({ page, tide }) => {
  await tide.show('waiting_for_approval');
  await target(page).focus();
  await page.keyboard.press('ArrowLeft');
  const tip = page.locator('.tip');
  await expect(tip).toContainText('03:10 UTC');
  await page.keyboard.press('ArrowLeft');
  await expect(tip).toContainText('03:09 UTC');
  const { values, said } = fixture('waiting_for_approval').target!;
  await expect(tip).toContainText(`truth${Math.round(values.at(-2)!).toLocaleString('en-GB')} sat`);
  await expect(tip).toContainText(`said at 02:49${said!.values.at(-2)!.toLocaleString('en-GB')} sat`);
  await expect(page).toHaveURL(/[?&]at=2026-11-23T03:09:00Z$/);
  await expect(page.locator('[aria-live=polite]').filter({ hasText: '03:09 UTC: truth' })).toHaveCount(1);
  await page.keyboard.press('Shift+ArrowRight');
  await expect(tip).toContainText('03:19 UTC');
  await expect(tip).toContainText('model 13 median');
  await expect(tip).toContainText('model 14 in staging');
  await page.keyboard.press('Home');
  await expect(tip).toContainText('00:11 UTC');
  await page.keyboard.press('Escape');
  await expect(tip).toHaveCount(0);
  await expect(page).toHaveURL(/^[^?]*$/);
});

test('an address with ?at= opens with the crosshair there, in both charts', async ({ page, tide }) => {
  await tide.show('waiting_for_approval', '/?at=2026-11-23T01:00:00Z');
  await expect(page.locator('.tip')).toContainText('01:00 UTC');
  await expect(page.locator('[data-cursor="2026-11-23T01:00:00.000Z"]')).toHaveCount(2);
});

test('the pointer moves the crosshair in passing, a click puts it down', async ({ page, tide }) => {
  await tide.show('healthy');
  const box = (await target(page).boundingBox())!;
  await page.mouse.move(box.x + 300, box.y + 100);
  await expect(page.locator('.tip')).toBeVisible();
  await page.screenshot({ path: 'test-results/screens/crosshair-1280-light.png' });
  await page.mouse.move(box.x + 300, box.y - 200);
  await expect(page.locator('.tip')).toHaveCount(0);
  await page.mouse.click(box.x + 300, box.y + 100);
  await page.mouse.move(box.x + 300, box.y - 200);
  await expect(page.locator('.tip')).toBeVisible();
  await expect(page).toHaveURL(/at=2026-11-23T0/);
});

test('a moment inside a gap is called a source gap, and the gap is hatched and named with its length', async ({ page, tide }) => {
  await tide.show('healthy', '/?at=2026-11-23T00:24:00Z');
  await expect(page.locator('.tip')).toContainText('truthsource gap');
  await expect(page.locator('[data-gap]')).toHaveCount(1);
  await expect(target(page)).toContainText('source gap, 7 min');
});

test('a spike off the scale is a mark with its number', async ({ page, tide }) => {
  await tide.show('healthy');
  const values = tide.server.data.target!.values;
  values[90] = 43_210;
  tide.server.data.status.windows['tx_metrics']! += 1;
  tide.server.pushStatus();
  await expect(page.locator('[data-off-scale]')).toContainText(['43,210']);
});

test('the labels in the gutter name the lines and stand at least 13 px apart', async ({ page, tide }) => {
  await tide.show('waiting_for_approval');
  const texts = target(page)
    .locator('text')
    .filter({ hasText: /^(95.%|5.%|model.13 median|model.14 in staging)$/ });
  await expect(texts).toHaveCount(4);
  const ys = (await texts.evaluateAll((all) => all.map((t) => Number(t.getAttribute('y'))))).sort((a, b) => a - b);
  for (let i = 1; i < ys.length; i++) expect(ys[i]! - ys[i - 1]!).toBeGreaterThanOrEqual(12.9);
});

test('the loss chart has a diamond for each breach, a dot for the rest, the wash of the alarm and the line of the retrain', async ({
  page,
  tide,
}) => {
  await tide.show('waiting_for_approval');
  await expect(loss(page).locator('[data-evaluation=breach][data-tone=forecast] path')).toHaveCount(5);
  await expect(loss(page).locator('[data-evaluation=good][data-tone=forecast] circle')).toHaveCount(19);
  await expect(loss(page).locator('[data-tone=candidate] circle')).toHaveCount(2);
  await expect(loss(page).locator('[data-alarm]')).toHaveCount(1);
  await expect(loss(page).locator('[data-retrain="47"]')).toHaveCount(1);
  await expect(loss(page)).toContainText('threshold 0.127');
});

test('the threshold is a step line that moves where it was moved', async ({ page, tide }) => {
  await tide.show('healthy');
  const path = await loss(page).locator('path.threshold').getAttribute('d');
  const heights = [...(path ?? '').matchAll(/(?: |V)([\d.]+)/g)].map((m) => Number(m[1]));
  const [before, after] = [...new Set(heights)];
  expect(new Set(heights).size, 'heights of the line: 0.142 until 09:00, 0.127 from then on').toBe(2);
  expect(after).toBeGreaterThan(before!); // Lower on the page.
});

test('an evaluation with too little data is a dashed ring, not a dot at zero', async ({ page, tide }) => {
  await tide.show('no_data');
  await expect(loss(page).locator('[data-evaluation=no_data]')).toHaveCount(1);
  await loss(page).focus();
  await page.keyboard.press('End');
  await expect(page.locator('.tip')).toContainText('no loss');
  await expect(page.locator('.tip')).toContainText('too little to judge');
});

test('a deployment is marked and named', async ({ page, tide }) => {
  await tide.show('healthy');
  await expect(loss(page).locator('[data-deployment="13"]')).toContainText('model 13 deployed');
});

test('each chart offers its rows as a table of the same height', async ({ page, tide }) => {
  await tide.show('waiting_for_approval');
  const height = (await target(page).boundingBox())!.height;
  await page.getByRole('button', { name: 'Table' }).first().click();
  const table = page.getByRole('region', { name: 'Rows of Average fee a minute' });
  expect((await table.boundingBox())!.height).toBe(height);
  await expect(table.getByRole('row')).toHaveCount(1 + 210);
  await expect(table.getByRole('row').filter({ hasText: 'source gap' })).toHaveCount(7);
  await page.getByRole('button', { name: 'Table' }).click();
  await expect(page.getByRole('region', { name: 'Evaluations' }).getByRole('row')).toHaveCount(1 + 26);
  await page.screenshot({ path: 'test-results/screens/tables-1280-light.png', fullPage: true });
  await page.getByRole('button', { name: 'Chart' }).first().click();
  await expect(target(page)).toBeVisible();
});

test('the lines are drawn: the canvas holds truth and forecast in their colours', async ({ page, tide }) => {
  await tide.show('healthy');
  const found = await page.locator('[data-chart=target] canvas').evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    let dark = 0,
      blue = 0;
    for (let i = 0; i < data.length; i += 4) {
      if (data[i + 3]! < 200) continue;
      if (data[i]! < 60 && data[i + 2]! < 70) dark++;
      if (data[i]! < 60 && data[i + 2]! > 140) blue++;
    }
    return { dark, blue };
  });
  expect(found.dark).toBeGreaterThan(500);
  expect(found.blue).toBeGreaterThan(200);
});

test('before the first window the chart says what brings the first point', async ({ page, tide }) => {
  await tide.show('starting');
  await expect(page.getByText('No window has closed yet')).toBeVisible();
  await expect(page.getByText('No evaluation yet')).toBeVisible();
  tide.server.show('collecting');
  await expect(target(page)).toContainText('no forecast yet');
});
