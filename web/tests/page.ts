// What every test gets: a fixture server of its own, and the page opened on it.
import { expect as expectThat, type Locator, test as base, type Page } from '@playwright/test';
import { FixtureServer, type StateName } from './fixture/server';

export interface Console {
  server: FixtureServer;
  origin: string;
  show: (state: StateName, path?: string) => Promise<void>;
}

export const test = base.extend<{ tide: Console }>({
  tide: async ({ page }, use) => {
    const server = new FixtureServer(),
      origin = await server.start();
    await use({
      server,
      origin,
      show: async (state, path = '/') => {
        server.show(state);
        await page.goto(origin + path);
        await settled(page);
      },
    });
    await page.close();
    await server.stop();
  },
});
export { expect } from '@playwright/test';

// The first status is shown, the stream is open and the charts have answered.
export async function settled(page: Page): Promise<void> {
  await page.locator('[data-live=live]').waitFor();
  await page.locator('.loop [data-stage=deploy]').waitFor();
  await page.locator('.cover .bar').waitFor({ state: 'detached' });
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

// The element that keys go to.  Not toBeFocused(), which also wants the browser's window to be the active one.
export async function expectFocus(element: Locator): Promise<void> {
  await expectThat.poll(() => element.evaluate((it) => it === document.activeElement)).toBe(true);
}
