/** The current state of a service, family by family. An unknown value is absent, never 0. */

import { type DatabaseStatus, standingOf } from '../authority/authority.ts';
import { coverage, type DrillPorts, drillFacts, heldOf, planDrills } from '../drills/drills.ts';
import { calibrationOf } from '../evidence/evidence.ts';
import { shares } from '../evidence/forecast/forecast.ts';
import {
  type AuditFacts,
  audit,
  type EvidencePorts,
  inUse,
  metricSources,
  reviewOpen,
} from '../improvement/improvement.ts';
import { type Clock, isThrowoverError, noAnswer, quantileAt, within } from '../kernel/kernel.ts';
import { maxSamplesACall, metrics } from '../records/records.ts';
import type { LagReport } from '../replication/replication.ts';
import type { RegionPorts } from '../runs/runs.ts';
import type { Service } from '../service/service.ts';
import type { DoorCounts } from '../traffic/traffic.ts';
import type { GatewayControl } from '../webhooks/webhooks.ts';
import { type Family, families, familyOf } from './families.ts';

/** Longest wait for one part, ms: a scrape usually waits 10 s. */
const deadlineMs = 2_000;

/**
 * Shortest time between two reads of stored data, ms: it changes slowly, and reading it is
 * expensive.
 */
const keptEveryMs = 30_000;

/** The same for people and the operating test, which ask calendars, guards and DNS servers. */
const testEveryMs = 300_000;

/** Period that the doors' figures cover, ms. */
const doorSpanMs = 60_000;

/** Number of newest runs in which the last one of each kind is searched for. */
const lastRuns = 100;

export interface Reading {
  readonly family: Family;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ReadingPorts extends Pick<EvidencePorts, 'store' | 'evidence'>, DrillPorts {
  readonly regions: readonly Pick<RegionPorts, 'name' | 'database'>[];
  readonly doorCounts: readonly Pick<DoorCounts, 'region' | 'latency'>[];
  readonly gateways: readonly Pick<GatewayControl, 'region' | 'status'>[];
  readonly lag: { reports(): Promise<readonly LagReport[]> };
  /** Returns the facts for the operating test. */
  readonly auditFacts: () => Promise<AuditFacts>;
}

/** A reading whose value may be unknown; it is left out then. */
interface Asked extends Omit<Reading, 'value'> {
  readonly value: number | null;
}

const seconds = (ms: number | null | undefined) => (ms == null ? null : ms / 1_000);
/** Returns the newest of some moments in seconds; null without one. */
const newestOf = (momentsMs: readonly number[]) =>
  momentsMs.length === 0 ? null : seconds(Math.max(...momentsMs));
const state = (is: boolean) => Number(is);

/** The readings of one service; keeps slow ones for a while. */
export class ServiceReadings {
  readonly #service: Service;
  readonly #ports: ReadingPorts;
  readonly #clock: Clock;
  readonly #kept = new Map<
    string,
    { readonly atMs: number; readonly readings: Promise<readonly Asked[]> }
  >();

  constructor(service: Service, ports: ReadingPorts, clock: Clock) {
    this.#service = service;
    this.#ports = ports;
    this.#clock = clock;
  }

  /**
   * Reads all figures. Never rejects: a part that does not answer in time is `throwover_part_up` 0,
   * and its figures are absent.
   */
  async read(): Promise<readonly Reading[]> {
    const { regions, doorCounts, gateways } = this.#ports;
    const { lossBoundMs } = this.#service.database;
    const found = await Promise.all([
      this.#part('store', () => this.#ofStore()),
      this.#part('lag', () => this.#ofLag()),
      this.#slowly('evidence', keptEveryMs, () =>
        Promise.all([this.#ofMetrics(), this.#ofForecasts()]),
      ),
      this.#slowly('people', testEveryMs, () => Promise.all([this.#ofPeople(), this.#ofTest()])),
      ...regions.map(({ name, database }) =>
        this.#part(`guard ${name}`, async () => ofDatabase(await database.status())),
      ),
      ...doorCounts.map((door) => this.#part(`door ${door.region}`, () => this.#ofDoor(door))),
      ...gateways.map((gateway) =>
        this.#part(`gateway ${gateway.region}`, async () => ofGateway(gateway)),
      ),
    ]);
    const service = this.#service.name;
    return [reading(families.lossBound, seconds(lossBoundMs)), ...found.flat()].flatMap(
      ({ family, labels, value }) =>
        value === null ? [] : [{ family, labels: { service, ...labels }, value }],
    );
  }

  async #part(part: string, ask: () => Promise<readonly Asked[]>): Promise<readonly Asked[]> {
    const up = (is: boolean) => reading(families.partUp, state(is), { part });
    try {
      const answer = await within(this.#clock, deadlineMs, ask());
      return answer === noAnswer ? [up(false)] : [up(true), ...answer];
    } catch (error) {
      if (!isThrowoverError(error)) throw error;
      return [up(false)];
    }
  }

  async #ofStore(): Promise<readonly Asked[]> {
    const { store } = this.#ports;
    const { name, regions } = this.#service;
    const [{ epoch, active, openRun }, runs, halt] = await Promise.all([
      store.service(name),
      store.runs({ service: name, limit: lastRuns }),
      store.halt(),
    ]);
    const open = runs.find(({ runId }) => runId === openRun);
    const last = Map.groupBy(
      runs.filter(({ status, endedWallMs }) => status === 'succeeded' && endedWallMs !== null),
      ({ kind }) => kind,
    );
    return [
      reading(families.epoch, epoch),
      ...Object.keys(regions).map((region) =>
        reading(families.active, state(region === active), { region }),
      ),
      reading(families.runOpen, state(openRun !== null)),
      reading(families.runOpenSince, seconds(open?.startedWallMs)),
      reading(families.halted, state(halt !== null)),
      ...[...last].map(([kind, own]) =>
        reading(families.lastRun, newestOf(own.map((run) => run.endedWallMs ?? 0)), { kind }),
      ),
    ];
  }

  async #ofLag(): Promise<readonly Asked[]> {
    const reports = await this.#ports.lag.reports();
    return reports.flatMap(({ from, to, lag }) => {
      const at = (quantile: string, ms: number | undefined) =>
        reading(families.lagQuantile, seconds(ms), { from, to, quantile });
      return [at('0.5', lag?.p50), at('0.95', lag?.p95), at('0.99', lag?.p99), at('1', lag?.max)];
    });
  }

  async #ofDoor(door: Pick<DoorCounts, 'region' | 'latency'>): Promise<readonly Asked[]> {
    const { region } = door;
    const untilWallMs = this.#clock.wallMs();
    const sinceWallMs = untilWallMs - doorSpanMs;
    const [piece] = await door.latency({ sinceWallMs, untilWallMs, widthMs: doorSpanMs });
    if (piece === undefined) return [];
    const { requests, failed, p99Ms } = piece;
    return [
      reading(families.doorRequests, requests, { region }),
      reading(families.doorFailed, requests === 0 ? null : failed / requests, { region }),
      reading(families.doorP99, seconds(p99Ms), { region }),
    ];
  }

  /** Shares a read that is in progress: the next scrape waits for the same one. */
  #slowly(
    part: string,
    everyMs: number,
    read: () => Promise<readonly (readonly Asked[])[]>,
  ): Promise<readonly Asked[]> {
    return this.#part(part, () => {
      const nowMs = this.#clock.monotonicMs();
      const known = this.#kept.get(part);
      if (known !== undefined && nowMs - known.atMs < everyMs) return known.readings;
      const readings = read().then((found) => found.flat());
      this.#kept.set(part, { atMs: nowMs, readings });
      readings.catch(() => this.#kept.delete(part));
      return readings;
    });
  }

  async #ofMetrics(): Promise<readonly Asked[]> {
    const sources = metricSources(this.#ports, this.#service.name);
    const nowWallMs = this.#clock.wallMs();
    const found = await Promise.all(
      metrics.map(async (metric): Promise<readonly Asked[]> => {
        const { name, unit, quantile, freshMs } = metric;
        const window = { sinceWallMs: nowWallMs - 2 * freshMs, untilWallMs: nowWallMs + 1 };
        const samples = await metric.read(sources, window, { newest: true });
        const values = samples.map((sample) => sample.value);
        const value = quantileAt(values, quantile);
        const newest = newestOf(samples.map(({ atWallMs }) => atWallMs));
        return [
          reading(families.metricFresh, seconds(freshMs), { metric: name }),
          reading(families.metricMoment, newest, { metric: name }),
          reading(familyOf(metric), unit === 'ms' ? seconds(value) : value),
        ];
      }),
    );
    return found.flat();
  }

  async #ofForecasts(): Promise<readonly Asked[]> {
    const scores = await this.#ports.evidence.list('forecast-score', { limit: maxSamplesACall });
    return (Object.keys(shares) as (keyof typeof shares)[]).flatMap((share) => {
      const { count, inside } = calibrationOf(scores, share);
      return [
        reading(families.forecastCount, count, { share }),
        reading(families.forecastInside, count === 0 ? null : inside / count, { share }),
      ];
    });
  }

  async #ofPeople(): Promise<readonly Asked[]> {
    const facts = await drillFacts(this.#service, this.#ports, this.#clock);
    if (facts === null) return [];
    const { plan, drills, findings, memory } = facts;
    const [next] = planDrills(plan, 1).next;
    const whole = heldOf(drills).filter((drill) => drill.whole);
    const { drove, of } = coverage(memory);
    const late = findings.filter(
      ({ status, dueWallMs }) =>
        status === 'task' && dueWallMs !== null && dueWallMs < plan.nowWallMs,
    );
    const count = (status: string) => findings.filter((each) => each.status === status).length;
    return [
      reading(families.drillNext, seconds(next?.window?.fromWallMs)),
      reading(families.drillOverdue, state(next?.overdue ?? false)),
      reading(families.drillLast, newestOf(whole.map(({ atWallMs }) => atWallMs))),
      reading(families.drivers, of === 0 ? null : drove / of),
      reading(families.findings, count('open'), { status: 'open' }),
      reading(families.findings, count('task') - late.length, { status: 'task' }),
      reading(families.findings, late.length, { status: 'late' }),
    ];
  }

  async #ofTest(): Promise<readonly Asked[]> {
    const facts = await this.#ports.auditFacts();
    const open = facts.changes.filter(
      (change) => inUse(change) && reviewOpen(change, facts.nowWallMs),
    );
    return [
      ...audit(facts).lines.map(({ subject, rule, ok }) =>
        reading(families.slide, state(!ok), { subject, rule }),
      ),
      reading(families.reviewsOpen, open.length),
    ];
  }
}

function ofDatabase(status: DatabaseStatus): readonly Asked[] {
  const { region, role, observed, standby, inSync } = status;
  const primary = role === 'primary';
  const { is } = standingOf(status);
  const unseen = primary && is === 'unseen';
  return [
    // A closure that does not hold lets writers in, whatever the guard has recorded.
    ...(unseen
      ? []
      : [
          reading(families.writer, state(primary && (is === 'open' || is === 'reopened')), {
            region,
          }),
          reading(families.fenced, state(primary && is === 'closed'), { region }),
          reading(families.doorBroken, state(is === 'reopened' || is === 'refusing'), { region }),
        ]),
    reading(families.doorRestored, observed?.restored ?? null, { region }),
    reading(families.doorAge, seconds(observed?.ageMs), { region }),
    ...(primary
      ? [
          reading(families.standby, state(standby?.state === 'streaming'), { region }),
          reading(families.lag, seconds(standby?.lagMs), { from: region }),
          reading(families.inSync, inSync === null ? null : state(inSync), { region }),
        ]
      : []),
  ];
}

async function ofGateway(
  gateway: Pick<GatewayControl, 'region' | 'status'>,
): Promise<readonly Asked[]> {
  const { region } = gateway;
  const { backlog, oldestMs, deadLetters } = await gateway.status();
  return [
    reading(families.webhooksWaiting, backlog, { region }),
    reading(families.webhooksOldest, seconds(oldestMs), { region }),
    reading(families.deadLetters, deadLetters, { region }),
  ];
}

function reading(
  family: Family,
  value: number | null,
  labels: Readonly<Record<string, string>> = {},
): Asked {
  return { family, labels, value };
}
