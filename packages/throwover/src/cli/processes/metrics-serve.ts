import { type Reading, ServiceReadings } from '../../dashboard/dashboard.ts';
import { exposition } from '../../dashboard/exposition.ts';
import { type Clock, within } from '../../kernel/kernel.ts';
import { metricsCalls } from '../../server/server.ts';
import type { Routes } from '../../wire/routes.ts';
import { operatingFacts } from '../evidence/operating-test.ts';
import type { Session } from '../session.ts';
import { version } from '../version.ts';

/** Number of services whose parts are asked at the same time. */
const atOnce = 5;

/**
 * Longest time that silent parts delay the next service, ms: a scrape of 1,000 services has 10 s.
 */
const paceMs = 5;

/** `GET /metrics` of `throwover serve`: the metrics of every service that it looks after. */
export class MetricsRoute {
  readonly #clock: Clock;
  #services: readonly ServiceReadings[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `sessions` must use the parts that this process holds itself. */
  watch(sessions: readonly Session[]): void {
    this.#services = sessions.map((session) => {
      const { loaded, parts, clock } = session;
      const ports = { ...parts, auditFacts: () => operatingFacts(session) };
      return new ServiceReadings(loaded.service, ports, clock);
    });
  }

  routes(routes: Routes): void {
    routes.add(metricsCalls, { metrics: () => this.#scrape() });
  }

  async #scrape(): Promise<Response> {
    const asked: Promise<readonly Reading[]>[] = [];
    // Asks a few services at a time, so that a guard's request to this process need not wait for
    // all of them.
    for (const service of this.#services) {
      const before = asked.at(-atOnce);
      if (before !== undefined) await within(this.#clock, paceMs, before);
      const reading = service.read();
      // A bug is thrown below, where all readings are awaited.
      reading.catch(() => {});
      asked.push(reading);
    }
    const readings = await Promise.all(asked);
    const { text, contentType } = await exposition(readings.flat(), version(), this.#clock);
    return new Response(text, { headers: { 'content-type': contentType } });
  }
}
