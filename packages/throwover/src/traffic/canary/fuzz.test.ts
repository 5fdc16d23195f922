import { createSocket } from 'node:dgram';
import { decode } from 'dns-packet';
import { expect, test } from 'vitest';
import { systemClock } from '../../kernel/kernel.ts';
import { askUdp, queryOf, testZone, zone } from './canary.fixture.ts';
import { startCanary } from './canary.ts';
import { fuzz, malformed } from './fuzz.fixture.ts';

test('200,000 malformed packets: no crash, at most 1.5 times back, each answer is DNS', () => {
  const count = fuzz(20_261_123, 200_000);
  expect(count.packets).toBe(200_000);
  // Some packets are valid enough to be answered, and some invalid enough to be dropped.
  expect(count.answered).toBeGreaterThan(50_000);
  expect(count.silent).toBeGreaterThan(1_000);
});

test('a server that got 5,000 of them over UDP answers the next query', async () => {
  const canary = await startCanary({
    zone: testZone,
    host: '127.0.0.1',
    port: 0,
    answersPerSecond: null,
    clock: systemClock,
  });
  const socket = createSocket('udp4');
  try {
    let sent = 0;
    for (const packet of malformed(7, 5_000)) {
      if (packet.length === 0) continue;
      sent += 1;
      socket.send(packet, canary.port, '127.0.0.1');
      // The kernel's buffer holds some hundred packets.
      if (sent % 200 === 0) await expect.poll(() => canary.status().counters.queries).toBe(sent);
    }
    const reply = await askUdp(canary.port, queryOf(`t60.abcdefghijklmnop.g.${zone}`, 'A'));
    expect(decode(reply)).toMatchObject({ rcode: 'NOERROR', answers: [{ type: 'A' }] });
  } finally {
    socket.close();
    await canary.close();
  }
});
