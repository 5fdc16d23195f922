import { systemClock } from 'throwover/kernel';
import type { Lab } from '../world/lab.ts';
import type { RegionName } from '../world/map.ts';
import { delivered, settled } from './settle.ts';
import { ledgerKept, readSide } from './sides.ts';
import { RoundTraffic } from './traffic.ts';

/**
 * Plays one round: traffic begins, the service is disturbed, and goes on until everything is in order
 * again. Returns what `disturb` returned, with all that a judge needs.
 */
export async function underTraffic<T extends { readonly active: RegionName }>(
  lab: Lab,
  name: string,
  disturb: (from: RegionName, traffic: RoundTraffic) => Promise<T>,
) {
  const startedMs = systemClock.monotonicMs();
  const from = await lab.active();
  await ledgerKept(lab.map, from);
  const traffic = await RoundTraffic.start(lab, name);
  const disturbed = await disturb(from, traffic);
  const { active } = disturbed;
  await traffic.more();
  const { requests, webhooks } = await traffic.end();
  await settled(lab, active, { switched: active !== from });
  await delivered(lab);
  const survivors = await readSide(lab.map, active);
  const tookMs = Math.round(systemClock.monotonicMs() - startedMs);
  return { ...disturbed, from, requests, webhooks, survivors, tookMs };
}
