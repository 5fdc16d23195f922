import { expect, test } from 'vitest';
import type { Audit } from '../evidence/audit.ts';
import { dateAt, isoTime, seededRandom } from '../kernel/kernel.ts';
import { auditCommand } from './audit.ts';
import { captureBaseline } from './baseline.ts';
import {
  amendChange,
  listChanges,
  newChange,
  retireChange,
  reviewChange,
  shipChange,
} from './change.ts';
import { Team } from './team.fixture.ts';
import { taskDone, weekCommand } from './week.ts';

/** A year of a team, day by day: the real engine, rules and commands on virtual time. */

const people = ['ana@example.com', 'bo@example.com', 'cy@example.com'];
const truth = (panel: string, step: string, owner: string, title: string) => ({
  panel,
  step,
  owner,
  task: { name: 'look', title, how: `open ${panel}`, minutes: 15 },
});
const declared = {
  panels: {
    connections: { metric: 'old-connections' },
    caches: { metric: 'resolver-holdover' },
    cold: { metric: 'warm-up' },
    gap: { metric: 'writer-gap' },
    backlog: { metric: 'webhook-backlog' },
    drills: { metric: 'run-duration' },
  },
  truths: {
    dns: truth('caches', 'flip', 'ana', 'Read the survey of resolvers'),
    capacity: truth('cold', 'checkpoint', 'bo', 'Compare quotas of both regions'),
    replication: truth('gap', 'fence', 'bo', 'Read the worst lag of the week'),
    webhooks: truth('backlog', 'deliver-webhooks', 'cy', 'Replay one event by hand'),
    people: truth('drills', 'promote', 'cy', 'Ask who drives next'),
  },
};
for (const one of Object.values(declared.truths)) one.owner = `${one.owner}@example.com`;

/** Days of the year, from 0. */
const drillDays = [45, 135, 260, 318];
const anaOnLeave = (day: number) => day >= 200 && day < 215;

test('a year: changes are proven, fail or stay unknown; the audit at each month end', async () => {
  const team = await Team.of(people);
  team.declare(declared);
  const random = seededRandom(2026);
  const told: string[] = [];
  const factors = { connections: 1, caches: 1 };
  const log = (text: string) => told.push(`${isoTime(team.nowMs()).slice(0, 10)}  ${text}`);
  const does = async (what: string, command: Parameters<Team['ask']>[0]) => {
    const { code, text } = await team.ask(command);
    log(code === 0 ? `${what}: done` : `${what}: ${code}: ${text}`);
    return text;
  };
  const draft = { expect: '-20%', drills: 0, tradeOff: ['latency=3 ms: a lookup'], as: 'ana' };
  const full = { panel: 'connections', step: 'flip', task: 'Look at its panel' };

  const plan: Readonly<Record<number, () => Promise<unknown>>> = {
    20: () =>
      does('new short-lived, no baseline', (c) =>
        newChange(c, {
          ...draft,
          name: 'short-lived',
          hypothesis: 'Connections that live 5 minutes leave the old region sooner',
          metric: 'old-connections',
          baseline: 'connections-q1',
        }),
      ),
    70: async () => {
      await does('capture connections-q1', (c) =>
        captureBaseline(c, {
          name: 'connections-q1',
          metric: 'old-connections',
          weeks: 8,
          as: 'ana',
        }),
      );
      const wanted = {
        ...draft,
        name: 'short-lived',
        hypothesis: 'Connections that live 5 minutes leave the old region sooner',
        metric: 'old-connections',
        baseline: 'connections-q1',
      };
      await does('new short-lived, no cost', (c) =>
        newChange(c, { ...wanted, tradeOff: ['none'] }),
      );
      await does('new short-lived', (c) => newChange(c, wanted));
      await does('ship short-lived', (c) => shipChange(c, { name: 'short-lived', as: 'ana' }));
      await does('amend short-lived', (c) =>
        amendChange(c, { ...full, name: 'short-lived', as: 'ana' }),
      );
      await does('ship short-lived', (c) => shipChange(c, { name: 'short-lived', as: 'ana' }));
      factors.connections = 0.6;
    },
    90: () =>
      does('verdict on short-lived', (c) =>
        reviewChange(c, {
          name: 'short-lived',
          verdict: 'kept',
          cost: ['latency=2 ms'],
          as: 'ana',
        }),
      ),
    102: async () => {
      await does('verdict on short-lived', (c) =>
        reviewChange(c, { name: 'short-lived', verdict: 'kept', cost: ['latency=2 ms'], as: 'bo' }),
      );
      told.push(
        await does('verdict on short-lived', (c) =>
          reviewChange(c, {
            name: 'short-lived',
            verdict: 'kept',
            cost: ['latency=2 ms: measured'],
            as: 'ana',
          }),
        ),
      );
    },
    150: async () => {
      await does('capture caches-q2', (c) =>
        captureBaseline(c, { name: 'caches-q2', metric: 'resolver-holdover', weeks: 8, as: 'bo' }),
      );
      await does('new ttl-5, of holdover-t99', (c) =>
        newChange(c, {
          ...draft,
          name: 'ttl-5',
          hypothesis: 'A TTL of 5 s empties caches sooner',
          metric: 'holdover-t99',
          baseline: 'caches-q2',
          as: 'bo',
        }),
      );
      await does('new ttl-5', (c) =>
        newChange(c, {
          ...draft,
          ...full,
          panel: 'caches',
          name: 'ttl-5',
          hypothesis: 'A TTL of 5 s empties caches sooner',
          metric: 'resolver-holdover',
          baseline: 'caches-q2',
          as: 'bo',
        }),
      );
      await does('ship ttl-5', (c) => shipChange(c, { name: 'ttl-5', as: 'bo' }));
    },
    190: async () => {
      const verdict = { name: 'ttl-5', cost: ['money=40 usd a month'], as: 'bo' };
      await does('verdict on ttl-5: kept', (c) => reviewChange(c, { ...verdict, verdict: 'kept' }));
      told.push(
        await does('verdict on ttl-5: reverted', (c) =>
          reviewChange(c, { ...verdict, verdict: 'reverted' }),
        ),
      );
    },
    265: async () => {
      await does('capture warm-q3', (c) =>
        captureBaseline(c, { name: 'warm-q3', metric: 'warm-up', weeks: 30, as: 'cy' }),
      );
      const wanted = {
        ...draft,
        ...full,
        panel: 'cold',
        step: 'checkpoint',
        name: 'snap-start',
        hypothesis: 'Functions from a snapshot are ready sooner',
        metric: 'warm-up',
        baseline: 'warm-q3',
        as: 'cy',
      };
      await does('new snap-start', (c) => newChange(c, wanted));
      await does('new snap-start, 5 drills', (c) => newChange(c, { ...wanted, drills: 5 }));
      await does('ship snap-start', (c) => shipChange(c, { name: 'snap-start', as: 'cy' }));
    },
    300: async () => {
      const verdict = { name: 'snap-start', cost: ['complexity=1 part'], as: 'cy' };
      await does('verdict on snap-start: kept', (c) =>
        reviewChange(c, { ...verdict, verdict: 'kept' }),
      );
      told.push(
        await does('verdict on snap-start: extended', (c) =>
          reviewChange(c, { ...verdict, verdict: 'extended' }),
        ),
      );
    },
    345: () =>
      does('retire snap-start', (c) =>
        retireChange(c, { name: 'snap-start', reason: 'the drills were not held', as: 'cy' }),
      ),
  };

  let noise = 0;
  for (let day = 0; day < 365; day++) {
    const startMs = team.nowMs();
    noise = 0.6 * noise + (random.next() - 0.5) * 0.2;
    const weekday = 1 + 0.1 * Math.cos((2 * Math.PI * day) / 7);
    const level = weekday * (1 + noise);
    for (let i = 0; i < 6; i++) {
      const jitter = 1 + 0.05 * (random.next() - 0.5);
      team.add('connections', {
        atWallMs: startMs - i * 3_600_000,
        region: 'east',
        open: 500,
        agesMs: [],
        requestsOnOldShare: 0.3 * level * jitter * factors.connections,
        requests: 1_000,
      });
    }
    const surveyed = !anaOnLeave(day);
    if (surveyed) {
      team.add('resolver', {
        atWallMs: startMs,
        vantage: 'here',
        resolver: '192.0.2.53:53',
        identity: '192.0.2.53',
        behaviour: 'honest',
        clampLifeSeconds: null,
        ttlSeconds: 60,
        holdoversLifeMs: [55_000, 60_000, 90_000].map((ms) => ms * level * factors.caches),
        trials: 3,
        finished: true,
      });
    }
    if (drillDays.includes(day)) {
      await team.switchOver();
      log('a drill: switchover');
    }
    if (drillDays.includes(day) || (day < 265 && day % 30 === 10)) {
      team.add('warm-up', {
        runId: null,
        region: 'west',
        strategy: 'provisioned',
        instances: 4,
        readyMs: 20_000 * level,
        atWallMs: team.nowMs(),
      });
    }
    await plan[day]?.();
    if (day % 7 === 0) {
      for (const [name, { owner }] of Object.entries(declared.truths)) {
        if (owner.startsWith('ana') && anaOnLeave(day)) continue;
        await team.ask((c) => taskDone(c, { task: `truth ${name}`, as: owner }));
      }
      for (const name of ['short-lived', 'ttl-5', 'snap-start']) {
        const as = { 'short-lived': 'ana', 'ttl-5': 'bo', 'snap-start': 'cy' }[name] ?? '';
        if (as === 'ana' && anaOnLeave(day)) continue;
        // Refused while it is not in use.
        await team.ask((c) => taskDone(c, { task: `change ${name}`, as }));
      }
    }
    await team.days(1);
    if (dateAt(team.nowMs()).getUTCDate() === 1) {
      const { code, result } = await team.ask((c) => auditCommand(c, { format: 'text' }));
      const { lines, slides } = result as Audit;
      log(`AUDIT: exit ${code}, ${slides.length} slides`);
      for (const { ok, subject, rule, says } of lines) {
        if (!ok) told.push(`              ${subject}: ${rule}: ${says}`);
      }
    }
    if (day === 211) {
      told.push((await team.ask((c) => weekCommand(c, { person: 'ana', format: 'text' }))).text);
    }
  }
  told.push((await team.ask(listChanges)).text);
  expect(`\n${told.join('\n')}\n`).toMatchSnapshot();
  // What must hold whatever the words are.
  const all = told.join('\n');
  expect(all).toMatch(/^short-lived +kept;/m);
  expect(all).toMatch(/^ttl-5 +reverted;/m);
  expect(all).toMatch(/verdict on snap-start: kept: kept-without-evidence: .* unknown/);
}, 120_000);
