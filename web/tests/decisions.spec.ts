// Approve and reject: what is shown before, what is sent, what is said after.
import AxeBuilder from '@axe-core/playwright';
import { problem } from './fixture/server';
import { expect, expectFocus, test } from './page';

test('approving states its consequences, sends the stage and the comment, and is said once', async ({ page, tide }) => {
  await tide.show('waiting_for_approval');
  await page.getByRole('button', { name: 'Approve model 14' }).click();
  const dialog = page.getByRole('dialog', { name: 'Approve model 14 for staging?' });
  await expect(dialog).toContainText('It is deployed to staging at once');
  await expectFocus(dialog.getByLabel('Comment'));
  await page.screenshot({ path: 'test-results/screens/dialog-approve-1280-light.png' });
  expect((await new AxeBuilder({ page }).analyze()).violations.map((v) => v.id)).toEqual([]);
  await dialog.getByLabel('Comment').fill("fees moved, it's better");
  await dialog.getByRole('button', { name: 'Approve model 14' }).click();
  await expect(page.getByRole('status').filter({ hasText: 'Model 14 approved for staging.' })).toBeVisible();
  await expect(page.getByRole('dialog')).toHaveCount(0);
  expect(tide.server.asked('POST', '/models/14/approve').map((r) => r.body)).toEqual([
    { stage: 'staging', why: "fees moved, it's better" },
  ]);
  await expect(page.locator('[data-kind=approval]')).toHaveCount(0);
  await expect(page.locator('[data-stage=approve]')).toContainText('model 14 approved');
  await expect(page.locator('.events li').first()).toContainText('Staging');
});

test('an approval without a comment sends none', async ({ page, tide }) => {
  await tide.show('waiting_for_approval');
  await page.getByRole('button', { name: 'Approve model 14' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Approve model 14' }).click();
  await expect.poll(() => tide.server.asked('POST', '/models/14/approve').map((r) => r.body)).toEqual([{ stage: 'staging' }]);
});

test('the command and the API call change as one types', async ({ page, tide }) => {
  await tide.show('waiting_for_approval');
  await page.getByRole('button', { name: 'Approve model 14' }).click();
  const lines = page.getByRole('dialog').locator('code');
  await expect(lines).toHaveText(['tidecast approve 14', 'POST /api/v1/models/14/approve {"stage":"staging"}']);
  await page.getByLabel('Comment').fill("it's fine");
  await expect(lines).toHaveText([
    `tidecast approve 14 -m 'it'\\''s fine'`,
    `POST /api/v1/models/14/approve {"stage":"staging","why":"it's fine"}`,
  ]);
});

test('a rejection needs its reason first', async ({ page, tide }) => {
  await tide.show('waiting_for_approval');
  await page.getByRole('button', { name: 'Reject model 14' }).click();
  const dialog = page.getByRole('dialog', { name: 'Reject model 14?' }),
    button = dialog.getByRole('button', { name: 'Reject model 14' });
  await expect(button).toBeDisabled();
  await expect(dialog).toContainText('Write the reason first');
  await expect(dialog.locator('code').first()).toHaveText('tidecast reject 14 -m WHY');
  await dialog.getByLabel('Reason').fill('covers only 71 %');
  await expect(dialog.locator('code').first()).toHaveText("tidecast reject 14 -m 'covers only 71 %'");
  await page.screenshot({ path: 'test-results/screens/dialog-reject-1280-light.png' });
  await button.click();
  await expect(page.getByText('Model 14 rejected.')).toBeVisible();
  expect(tide.server.asked('POST', '/models/14/reject').map((r) => r.body)).toEqual([{ why: 'covers only 71 %' }]);
  await expect(page.locator('[data-stage=approve]')).toContainText('model 14 rejected');
});

test("what the server refuses stays open with the server's own words, and can be sent again", async ({ page, tide }) => {
  await tide.show('waiting_for_approval');
  tide.server.override.set('POST /models/14/approve', problem(409, 'Conflict', 'model 14 was rejected by mara at 03:12.'));
  await page.getByRole('button', { name: 'Approve model 14' }).click();
  const button = page.getByRole('dialog').getByRole('button', { name: 'Approve model 14' });
  await button.click();
  await expect(page.getByRole('alert')).toContainText('model 14 was rejected by mara at 03:12.');
  tide.server.override.clear();
  await button.click();
  await expect(page.getByText('Model 14 approved for staging.')).toBeVisible();
  expect(tide.server.asked('POST', '/models/14/approve')).toHaveLength(2);
});

test('a model that was decided elsewhere cannot be decided again', async ({ page, tide }) => {
  await tide.show('waiting_for_approval');
  await page.getByRole('button', { name: 'Approve model 14' }).click();
  tide.server.show('alarm');
  await expect(page.getByRole('dialog')).toContainText('it was decided elsewhere');
  await expect(page.getByRole('dialog').getByRole('button', { name: 'Approve model 14' })).toBeDisabled();
});

test('Esc keeps it waiting and sends nothing; the focus returns to the button', async ({ page, tide }) => {
  await tide.show('waiting_for_approval');
  await page.getByRole('button', { name: 'Reject model 14' }).click();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await expectFocus(page.getByRole('button', { name: 'Reject model 14' }));
  expect(tide.server.requests.filter((r) => r.method === 'POST')).toEqual([]);
});

test('the second yes, for production, says so and asks for production', async ({ page, tide }) => {
  await tide.show('waiting_for_approval');
  const need = tide.server.data.status.needs_you[0];
  if (need)
    Object.assign(need, {
      kind: 'production',
      stage: 'production',
      commands: ['tidecast approve 14 --for production', 'tidecast reject 14 -m WHY'],
      consequences: 'It replaces model 13 at once; model 13 stays for a rollback.',
    });
  tide.server.pushStatus();
  await page.getByRole('button', { name: 'Approve model 14' }).click();
  const dialog = page.getByRole('dialog', { name: 'Approve model 14 for production?' });
  await expect(dialog).toContainText('It replaces model 13 at once');
  await dialog.getByLabel('Comment').fill('good');
  await expect(dialog.locator('code').first()).toHaveText("tidecast approve 14 --for production -m 'good'");
  await dialog.getByRole('button', { name: 'Approve model 14' }).click();
  await expect
    .poll(() => tide.server.asked('POST', '/models/14/approve').map((r) => r.body))
    .toEqual([{ stage: 'production', why: 'good' }]);
});
