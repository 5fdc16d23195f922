import { Hono } from 'hono';
import { metricsCalls } from '../../server/calls.ts';
import { storeErrors } from '../../store/store.ts';
import { Routes } from '../../wire/routes.ts';
import { MetricsRoute } from '../processes/metrics-serve.ts';
import type { Session } from '../session.ts';

/** `GET /metrics` of these services. */
export function metricsApp(sessions: readonly Session[]): Hono {
  const app = new Hono();
  const [first] = sessions;
  if (first === undefined) throw new Error('metrics of no service');
  const metrics = new MetricsRoute(first.clock);
  const badCall = (message: string) => storeErrors.make('bad-request', message);
  metrics.routes(
    new Routes(app, {
      title: 'metrics',
      table: { metrics: metricsCalls },
      maxBodyBytes: 0,
      badCall,
    }),
  );
  metrics.watch(sessions);
  return app;
}
