// The page on the real program: TIDECAST names the binary, TIDECAST_DATA the shipped recordings.  What a person does from the first look to a model in production.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import { expect, test as base } from '@playwright/test';

const binary = process.env['TIDECAST'];
const data = resolve(process.env['TIDECAST_DATA'] ?? '../data', 'bitcoin');

const features = `event:
  id: /hash
  time: { from: /time, unit: s }
  fields:
    fee: { from: /fee, type: integer, unit: satoshi }
features:
  - group: tx_metrics
    window: 1min
    lateness: 60s
    columns:
      transactions: count()
      avg_fee_1min: avg(fee)
forecast: { target: tx_metrics.avg_fee_1min, horizon: 10 }
validation: { threshold: { weighted_quantile_loss: 10 }, must_beat: [] }
server: { listen: "127.0.0.1:0" }
`;

// A program that runs while the test does, and the address that it prints.
interface Program { start: (definition: string, arguments_: string[]) => Promise<string> }

const test = base.extend<{ program: Program }>({
  program: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), 'tidecast-page-')), children: ChildProcess[] = [];
    await use({
      start: (definition, arguments_) => new Promise((done, failed) => {
        writeFileSync(join(folder, 'tidecast.yaml'), `project: page\n${definition}`);
        const child = spawn(binary!, [...arguments_, '-c', join(folder, 'tidecast.yaml')], { stdio: ['ignore', 'pipe', 'pipe'] });
        children.push(child);
        let output = '';
        const read = (chunk: Buffer) => {
          output += chunk.toString();
          const address = /Console: (http:\S+)/.exec(output);
          if (address) done(address[1]!);
        };
        child.stdout.on('data', read);
        child.stderr.on('data', read);
        child.on('exit', (code) => failed(new Error(`it ended with ${code}: ${output}`)));
      }),
    });
    for (const child of children) {
      const ended = new Promise((done) => child.on('exit', done));
      if (child.exitCode === null && child.kill('SIGKILL')) await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  },
});

test.skip(!binary, 'TIDECAST names no binary');
test.setTimeout(120_000);

const recording = `sources:
  - name: recording
    kind: recording
    bodies: ${data}/blockchain_info_transactions_1020.ndjson.zst
    schedule: ${data}/schedule_7d.csv.zst
    first_minute: 2880
    minutes: 430
`;

test('a person approves the first model in the page, sees it staged, says yes again, and sees it serve', async ({ page, program }) => {
  const strange: string[] = [];
  page.on('console', (message) => message.type() === 'error' && strange.push(message.text()));
  await page.goto(await program.start(recording + features, ['replay', '--serve']));
  const answer = page.locator('.answer');
  await expect(answer).toHaveText('The first model is ready: model 1 waits for your approval.', { timeout: 90_000 });
  await page.getByRole('button', { name: 'Approve model 1' }).click();
  await page.getByLabel('Comment').fill('looks good');
  await page.getByRole('dialog').getByRole('button', { name: 'Approve model 1' }).click();
  await expect(answer).toHaveText('Model 1 forecasts in staging and waits for your yes for production.');
  await expect(page.locator('.events')).toContainText('model 1 deployed');
  await page.getByRole('button', { name: /model 1/i }).first().click();
  await page.getByRole('dialog').getByRole('button', { name: /model 1/i }).first().click();
  await expect(page.locator('[data-stage=deploy]')).toContainText('model 1 serves');
  await expect(answer).toContainText('Serving with production model 1');
  await page.screenshot({ path: 'test-results/screens/program-1280-light.png', fullPage: true });
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  expect(strange).toEqual([]);
});

test('a person rejects the first model with a reason, and the page says what comes next', async ({ page, program }) => {
  await page.goto(await program.start(recording + features, ['replay', '--serve']));
  await page.getByRole('button', { name: 'Reject model 1' }).click({ timeout: 90_000 });
  await page.getByLabel('Reason').fill('too wide at night');
  await page.getByRole('dialog').getByRole('button', { name: 'Reject model 1' }).click();
  await expect(page.locator('.events')).toContainText('too wide at night');
  await expect(page.locator('.answer')).toContainText('No model serves: model 1 of run 1 was rejected.');
});

// A feed of one new transaction a second of a clock that runs 60 times as fast, from the moment when it is started.
class Feed {
  readonly anchor = Date.now();
  private server: Server | undefined;
  private port = 0;
  async start(): Promise<number> {
    this.server = createServer((_, response) => {
      const second = Math.floor((Date.now() - this.anchor) * 60 / 1000), txs = [];
      for (let s = second; s > Math.max(second - 300, -1); --s)
        txs.push({ hash: s.toString(16).padStart(64, '0'), time: 1778025600 + s, fee: 1000 + s % 97 });
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ txs }));
    });
    await new Promise<void>((done) => this.server!.listen(this.port, '127.0.0.1', done));
    return (this.port = (this.server.address() as AddressInfo).port);
  }
  async stop(): Promise<void> {
    this.server!.closeAllConnections();
    await new Promise((done) => this.server!.close(done));
  }
}

test('a source that goes down is said in the answer, and so is its return with the gap that it left', async ({ page, program }) => {
  const feed = new Feed(), port = await feed.start();
  const source = `sources: [ { name: feed, kind: http_poll, url: "http://127.0.0.1:${port}/txs", every: 5s, records: /txs } ]\n`;
  const clock = `2026-05-06T00:00:00Z,${new Date(feed.anchor).toISOString()},60`;
  await page.goto(await program.start(source + features, ['run', '--clock', clock]));
  await expect(page.locator('[data-stage=source]')).toContainText('events/s');
  await expect(page.locator('.answer')).toContainText('Collecting');
  await feed.stop();
  await expect(page.locator('.answer')).toContainText('The source feed has not answered for', { timeout: 20_000 });
  await expect(page.locator('.events')).toContainText('source down');
  await page.screenshot({ path: 'test-results/screens/program-source-down-1280-light.png', fullPage: true });
  // The feed shows five of its minutes: longer than that, and some are missed.
  await expect(page.locator('.answer')).toContainText(/for ([6-9]|\d\d) minutes/, { timeout: 30_000 });
  await feed.start();
  await expect(page.locator('.events')).toContainText('source back', { timeout: 30_000 });
  await expect(page.locator('.events')).toContainText('source gap');
  await expect(page.locator('.answer')).toContainText('Collecting');
  await feed.stop();
});
