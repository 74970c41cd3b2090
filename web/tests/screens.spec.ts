// Pictures to look at, never compared by pixels; and what must hold in each of them.
import AxeBuilder from '@axe-core/playwright';
import { allStates } from './fixture/states';
import { expect, test } from './page';

const themes = ['light', 'dark'] as const;
const widths = [1280, 390] as const;

for (const state of allStates)
  for (const theme of themes)
    for (const width of widths) {
      test(`${state}, ${theme}, ${width} px: axe finds nothing and nothing runs over the edge`, async ({ page, tide }) => {
        await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
        await page.setViewportSize({ width, height: width === 1280 ? 1290 : 844 });
        await tide.show(state);
        await page.screenshot({ path: `test-results/screens/${state}-${width}-${theme}.png`, fullPage: true });
        expect(
          await page.evaluate(() => document.documentElement.scrollWidth - innerWidth),
          'sideways scroll, px',
        ).toBeLessThanOrEqual(0);
        const { violations } = await new AxeBuilder({ page }).analyze();
        expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`)).toEqual([]);
      });
    }
