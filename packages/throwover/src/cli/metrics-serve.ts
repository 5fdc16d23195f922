import type { Hono } from 'hono';
import { exposition } from '../dashboard/exposition.ts';
import { ServiceReadings } from '../dashboard/readings.ts';
import { operatingFacts } from './operating-test.ts';
import type { Session } from './session.ts';
import { version } from './version.ts';

/** `GET /metrics` of `throwover serve`: of every service that it looks after. */
export class MetricsRoute {
  #services: readonly ServiceReadings[] = [];

  /** `sessions`: with the parts that this process itself keeps. */
  watch(sessions: readonly Session[]): void {
    this.#services = sessions.map((session) => {
      const { loaded, parts, clock } = session;
      const ports = { ...parts, auditFacts: () => operatingFacts(session) };
      return new ServiceReadings(loaded.service, ports, clock);
    });
  }

  routes(app: Hono): void {
    app.get('/metrics', async (c) => {
      const readings = await Promise.all(this.#services.map((service) => service.read()));
      const { text, contentType } = await exposition(readings.flat(), version());
      return c.body(text, 200, { 'content-type': contentType });
    });
  }
}
