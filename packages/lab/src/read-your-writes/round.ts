import { type Random, seededRandom, systemClock } from 'throwover/kernel';
import { kinds, type RoundContext } from '../chaos/kinds.ts';
import { perform, plan } from '../chaos/operator.ts';
import { delivered, settled } from '../chaos/settle.ts';
import { ledgerKept, readSide } from '../chaos/sides.ts';
import { RoundTraffic } from '../chaos/traffic.ts';
import type { ClientRecord } from '../clients/own-reads.ts';
import type { Lab } from '../world/lab.ts';
import { otherRegion, type RegionName } from '../world/map.ts';
import { judge, type RoundFigures } from './judge.ts';
import type { Tokens } from './tokens.ts';

/** Requests that are answered while the standby hears nothing, before its region is killed: some seconds' worth at most. */
const unheard = { least: 10, more: 60 };

/** Answers that are awaited after each part of a round, and for how long, ms. */
const answers = 20;
const answersTimeoutMs = 60_000;

export type RoundKind = 'switchover' | 'failover';

export interface Round {
  readonly kind: RoundKind;
  readonly figures: RoundFigures;
  readonly violations: readonly string[];
  readonly records: readonly ClientRecord[];
  readonly tookMs: number;
}

/** So many of each, in an order drawn from the seed: each starts from the region where the last one ended. */
export function drawn(
  rounds: { readonly switchovers: number; readonly failovers: number },
  seed: number,
): readonly RoundKind[] {
  const random = seededRandom(seed);
  let { switchovers, failovers } = rounds;
  const order: RoundKind[] = [];
  while (switchovers + failovers > 0) {
    if (random.integer(switchovers + failovers) < failovers) {
      failovers -= 1;
      order.push('failover');
    } else {
      switchovers -= 1;
      order.push('switchover');
    }
  }
  return order;
}

/** One round: traffic, the switch, everything as it must stand, every token shown, the verdict. */
export async function playRound(
  lab: Lab,
  round: { readonly kind: RoundKind; readonly name: string },
  context: { readonly random: Random; readonly tokens: Tokens },
): Promise<Round> {
  const startedMs = systemClock.monotonicMs();
  const from = await lab.active();
  await ledgerKept(lab.map, from);
  const traffic = await RoundTraffic.start(lab, round.name);
  const active = otherRegion(from);
  if (round.kind === 'switchover') await perform(lab, await plannedKind(lab, active), active);
  else await lossyFailover({ lab, from, random: context.random, fence: 'available', traffic });
  await traffic.more(answers, answersTimeoutMs);
  const records: readonly ClientRecord[] = (await traffic.end()).requests;
  await settled(lab, active, { switched: true });
  await delivered(lab);
  const { orders } = await readSide(lab.map, active);
  const survivors = new Set(orders.map(({ key }) => key));
  const shown = await context.tokens.show({ map: lab.map, active }, records, survivors);
  const { figures, violations } = judge({
    planned: round.kind === 'switchover',
    ...{ records, shown, survivors },
  });
  const tookMs = Math.round(systemClock.monotonicMs() - startedMs);
  return { kind: round.kind, figures, violations, records, tookMs };
}

/** Home, after a failover has left it, is reached by `failback` alone: as planned as a switchover. */
async function plannedKind(lab: Lab, to: RegionName): Promise<'switchover' | 'failback'> {
  const { guards } = (await plan(lab, 'switchover', to)).plan;
  const refusals = guards.flatMap((guard) => guard.refusals.map(({ error }) => error.code));
  return refusals.includes('failback-locked') ? 'failback' : 'switchover';
}

/** The active region is killed, and some of what it had acknowledged had not left it. */
async function lossyFailover(asked: RoundContext): Promise<void> {
  const { lab, from, random, traffic } = asked;
  await lab.cutReplication(from, true);
  try {
    await traffic.more(unheard.least + random.integer(unheard.more), answersTimeoutMs);
    await kinds['region-kill'](asked);
  } finally {
    await lab.cutReplication(from, false);
  }
}
