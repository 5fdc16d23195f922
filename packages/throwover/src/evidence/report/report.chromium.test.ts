import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { measure } from '../measurement/measurement.ts';
import type { RunEvidence } from '../measurement/run-evidence.ts';
import { sampleEvidence } from '../measurement/sample.fixture.ts';
import { renderReport } from './report.ts';

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const chartIds = ['stragglers', 'latency', 'requests-0', 'requests-1', 'lag', 'webhooks'];

const report = (runs: readonly RunEvidence[]) =>
  renderReport({
    runs: runs.map((evidence) => ({ evidence, figures: measure(evidence) })),
    title: 'Rehearsal: checkout, east to west',
    generatedAt: '2026-03-01T10:20:30.000Z',
    provenance: { throwover: '0.1.0', seed: 1, PostgreSQL: '18.4' },
  });

let browser: Browser;
let dir: string;
let url: string;

/**
 * A browser is not a dependency of the repository: without one these tests are skipped and report
 * it.
 */
const hasChromium = existsSync(executablePath);

beforeAll(async () => {
  if (!hasChromium) return;
  dir = await mkdtemp(join(tmpdir(), 'throwover-report-'));
  const path = join(dir, 'report.html');
  const runs = [sampleEvidence('flip-only', 1), sampleEvidence('switchover', 1)];
  await writeFile(path, (await report(runs)).html);
  url = pathToFileURL(path).href;
  browser = await chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
});
afterAll(async () => {
  if (!hasChromium) return;
  await browser.close();
  await rm(dir, { recursive: true });
});

describe.skipIf(!hasChromium).each(['light', 'dark'] as const)('%s', (colorScheme) => {
  test.each([1280, 390])(
    'at %i px every chart is drawn, nothing overflows, nothing complains',
    async (width) => {
      const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
      const complaints: string[] = [];
      const asked: string[] = [];
      page.on('console', (message) => complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('request', (request) => asked.push(request.url()));
      await page.goto(url);
      for (const id of chartIds) {
        const canvas = page.locator(`#${id} canvas`);
        await canvas.waitFor();
        const inked = await canvas.evaluate((element: unknown) => {
          const { width, height, getContext } = element as {
            width: number;
            height: number;
            getContext: unknown;
          };
          const context = (
            getContext as (kind: string) => {
              getImageData: (...box: number[]) => { data: Uint8ClampedArray };
            }
          ).call(element, '2d');
          const { data } = context.getImageData(0, 0, width, height);
          return data.filter((alpha, i) => i % 4 === 3 && alpha > 0).length / (width * height);
        });
        expect(inked).toBeGreaterThan(0.01);
      }
      const wide = await page.evaluate('document.documentElement.scrollWidth');
      expect(wide).toBeLessThanOrEqual(width);
      expect(complaints).toEqual([]);
      expect(asked.filter((one) => !one.startsWith('data:'))).toEqual([url]);
      // Every step has a bar that can be seen.
      const bars = await page.locator('.timeline .bar').all();
      expect(bars).toHaveLength(3 + 16);
      for (const bar of bars) expect((await bar.boundingBox())?.width).toBeGreaterThanOrEqual(3);
      if (process.env['SCREENSHOTS'] !== undefined) {
        const path = join(process.env['SCREENSHOTS'], `report-${width}-${colorScheme}.png`);
        await page.screenshot({ path, fullPage: true });
      }
      await page.close();
    },
  );
});

test.skipIf(!hasChromium)(
  'the answer, the star of the naive run and the way of attaching are in the page',
  async () => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    await page.goto(url);
    const text = await page.locator('main').textContent();
    for (const said of [
      'Objectives met',
      'Objectives not met',
      '1 s in this lab is 1 min of life for waits',
      'as-is, 0 bytes copied',
      'run_06f3k2v8q0-7hx2kd9m',
    ]) {
      expect(text).toContain(said);
    }
    await page.close();
  },
);

test.skipIf(!hasChromium)('a run in which nothing was seen is a page too', async () => {
  const empty = {
    ...sampleEvidence('switchover', 1),
    requests: [],
    webhooks: [],
    lag: [],
    steps: [],
  };
  const path = join(dir, 'empty.html');
  await writeFile(path, (await report([{ ...empty, flippedMs: null }])).html);
  const page = await browser.newPage({ viewport: { width: 390, height: 900 } });
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(pathToFileURL(path).href);
  await page.locator('#stragglers canvas').waitFor();
  expect(await page.locator('main').textContent()).toContain('not reached');
  expect(complaints).toEqual([]);
  await page.close();
});
