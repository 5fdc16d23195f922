import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { systemClock } from '../kernel/kernel.ts';
import { wholeFile } from '../service/service.fixture.ts';
import { parseService } from '../service/service.ts';
import { compose } from './service-ports.ts';

test('its end ends what a silent region was asked', async () => {
  const arrived = { door: Promise.withResolvers(), gateway: Promise.withResolvers() };
  const silent = createServer(({ url }) => {
    arrived[url === '/v1/door' ? 'door' : 'gateway'].resolve(null);
  }).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const text = wholeFile.replaceAll(/admin: http:[^,]+/g, `admin: http://127.0.0.1:${port}`);
  const service = parseService(text, 'throwover.yaml');
  const parts = compose(
    { service, directory: '/' },
    { clock: systemClock, env: {}, machine: null },
  );
  const [door] = parts.regions;
  const [gateway] = parts.gateways;
  const asked = Promise.allSettled([door?.door.status(), gateway?.status()]);
  await Promise.all([arrived.door.promise, arrived.gateway.promise]);
  await parts.close();
  // Ended at once, and not by their deadlines of some seconds.
  expect(await asked).toMatchObject([
    { reason: { code: 'door-unreachable', cause: { code: 'UND_ERR_DESTROYED' } } },
    { reason: { code: 'gateway-unreachable', cause: { code: 'UND_ERR_DESTROYED' } } },
  ]);
  silent.closeAllConnections();
  silent.close();
});
