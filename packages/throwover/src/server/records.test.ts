import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../kernel/kernel.ts';
import { httpRecords } from '../providers/http/records.ts';
import { recordLogConformance } from '../records/conformance.ts';
import { serveForTests } from './logs.fixture.ts';

recordLogConformance('`throwover serve`, over HTTP,', async () => {
  const serve = await serveForTests();
  const of = (name: string) =>
    httpRecords({ url: serve.server.url, service: name, clock: systemClock });
  return {
    get log() {
      return of('checkout');
    },
    other: of,
    restart: serve.restart,
    lose: serve.lose,
    end: serve.end,
  };
});

test('a kind that is not kept is refused', async () => {
  const serve = await serveForTests();
  onTestFinished(serve.end);
  const answer = await fetch(`${serve.server.url}/v1/records/checkout/gossip`);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ code: 'bad-request' });
});
