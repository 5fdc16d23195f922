import type { Hono } from 'hono';
import { beforeEach, expect, test } from 'vitest';
import { formatMs, wallMsOfIso } from '../../kernel/kernel.ts';
import type { LagReport } from '../../replication/lag-calls.ts';
import { LagSpan } from '../../replication/lag-history.ts';
import { World } from '../../runs/runs.fixture.ts';
import type { Session } from '../session.ts';
import { lagText } from '../text/lag-text.ts';
import { worldSession } from '../world-session.fixture.ts';
import { metricsApp } from './metrics.fixture.ts';

const drills = `
drills:
  every: FREQ=MONTHLY;INTERVAL=3;BYDAY=2TU
  from: 2026-01-01
  zone: UTC
  windows: [{ days: [TU, WE, TH], from: "10:00", until: "15:00" }]
`;

let world: World;
let session: Session;
let app: Hono;
beforeEach(async () => {
  world = await new World().begin();
  session = worldSession(world, drills);
  app = metricsApp([session]);
});

/** Scrapes the metrics, by family and labels. */
async function scraped(): Promise<ReadonlyMap<string, number>> {
  const answer = await world.clock.until(Promise.resolve(app.request('/metrics')), 60_000);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toContain('text/plain; version=0.0.4');
  const lines = (await answer.text()).split('\n').filter((line) => /^throwover/.test(line));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at).replace(/service="checkout",?/, ''), Number(line.slice(at))];
    }),
  );
}

test('who is active, who takes writes, what parts answer', async () => {
  const found = await scraped();
  expect(Object.fromEntries(found)).toMatchObject({
    'throwover_build_info{version="0.1.0"}': 1,
    'throwover_epoch{}': 1,
    'throwover_active{region="east"}': 1,
    'throwover_active{region="west"}': 0,
    'throwover_writer{region="east"}': 1,
    'throwover_writer{region="west"}': 0,
    'throwover_run_open{}': 0,
    'throwover_halted{}': 0,
    'throwover_part_up{part="guard east"}': 1,
    'throwover_slide{subject="truth dns",rule="panel"}': 1,
    'throwover_drill_overdue{}': 0,
  });
  expect([...found.keys()].filter((key) => key.includes('run_open_since'))).toEqual([]);
});

test('a region that is away: its part is down, and its figures are absent, not 0', async () => {
  world.east.away = true;
  const found = await scraped();
  expect(found.get('throwover_part_up{part="guard east"}')).toBe(0);
  expect(found.has('throwover_writer{region="east"}')).toBe(false);
  expect(found.has('throwover_fenced{region="east"}')).toBe(false);
  expect(found.get('throwover_active{region="east"}')).toBe(1);
  expect(found.get('throwover_part_up{part="guard west"}')).toBe(1);
});

test('a switchover is seen: epoch, region, writer, when', async () => {
  await world.run('switchover');
  const found = await scraped();
  expect(Object.fromEntries(found)).toMatchObject({
    'throwover_epoch{}': 2,
    'throwover_active{region="west"}': 1,
    'throwover_writer{region="west"}': 1,
    'throwover_metric_fresh_seconds{metric="writer-gap"}': 92 * 86_400,
  });
  const at = found.get('throwover_last_run_timestamp_seconds{kind="switchover"}') ?? 0;
  expect(Math.abs(at - world.clock.wallMs() / 1_000)).toBeLessThan(60);
  expect(found.get('throwover_writer_gap_seconds{}')).toBeLessThan(1);
});

test('what is kept is read again after a while, and a drill that passes its window is overdue', async () => {
  expect((await scraped()).get('throwover_drill_overdue{}')).toBe(0);
  const after = wallMsOfIso('2026-02-01T00:00:00Z') ?? 0;
  await world.clock.advance(after - world.clock.wallMs());
  const found = await scraped();
  expect(found.get('throwover_drill_overdue{}')).toBe(1);
  expect(found.has('throwover_drill_last_timestamp_seconds{}')).toBe(false);
});

test('a scrape of 50 services is the sum of their own scrapes, each with its lag as `check` tells it', async () => {
  const linesOf = async (sessions: readonly Session[]) => {
    const one = metricsApp(sessions);
    const answer = await world.clock.until(Promise.resolve(one.request('/metrics')), 60_000);
    return (await answer.text()).split('\n').filter((line) => line.includes('service='));
  };
  const reports: LagReport[] = [];
  const sessions = Array.from({ length: 50 }, (_, index) => {
    const own = worldSession(world);
    const span = new LagSpan();
    const [wallMs, ms] = [world.clock.wallMs(), index + 1];
    span.add({ wallMs, lagMs: ms, heartbeatMs: null, bytes: 0 });
    const report = span.report('east', 'west', wallMs);
    reports.push(report);
    const service = { ...own.loaded.service, name: `service-${index}` };
    const lag = { ...own.parts.lag, reports: async () => [report] };
    return { ...own, loaded: { ...own.loaded, service }, parts: { ...own.parts, lag } };
  });
  await world.clock.advance(1_000);
  const together = await linesOf(sessions);
  const apart: string[] = [];
  for (const each of sessions) apart.push(...(await linesOf([each])));
  expect(together.toSorted()).toEqual(apart.toSorted());
  for (const [index, report] of reports.entries()) {
    const labels = `service="service-${index}",from="east",to="west",quantile="1"`;
    const line = together.find((one) => one.includes(`lag_30d_seconds{${labels}}`));
    const worstMs = Number(line?.split(' ').at(-1)) * 1_000;
    expect(lagText(report)).toContain(`worst ${formatMs(worstMs)} at`);
  }
});
