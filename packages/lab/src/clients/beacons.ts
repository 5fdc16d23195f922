import { type Clock, newId, type Random } from 'throwover/kernel';
import type { Client } from './client.ts';

/** Sends beacons of the clients in turn, `perSecond` each second, until the signal is aborted. */
export async function sendBeacons(options: {
  clients: readonly Client[];
  zone: string;
  perSecond: number;
  random: Random;
  clock: Clock;
  signal: AbortSignal;
}): Promise<void> {
  const { clients, zone, perSecond, random, clock, signal } = options;
  const underWay = new Set<Promise<void>>();
  for (let turn = 0; !signal.aborted; turn++) {
    const client = clients[turn % clients.length];
    if (client === undefined) return;
    // A DNS label: an id without its underscore.
    const nonce = newId('b', clock, random).replace(/[^a-z0-9-]/g, '');
    const sent = client.beacon(nonce, zone).finally(() => underWay.delete(sent));
    underWay.add(sent);
    await clock.sleep(1_000 / perSecond, signal).catch(() => undefined);
  }
  await Promise.all(underWay);
}
