import { type Random, seededRandom, systemClock } from 'throwover/kernel';
import { kinds } from '../chaos/kinds.ts';
import type { RoundContext } from '../chaos/play.ts';
import { underTraffic } from '../chaos/round.ts';
import type { ClientRecord } from '../clients/own-reads.ts';
import type { Lab } from '../world/lab.ts';
import { otherRegion } from '../world/map.ts';
import { perform, plannedKind } from '../world/operator.ts';
import { judge } from './judge.ts';
import type { Tokens } from './tokens.ts';

/**
 * Number of requests that are answered while the standby receives nothing, before its primary's
 * region is killed: at most some seconds' worth.
 */
const unheard = { least: 10, more: 60 };

export type RoundKind = 'switchover' | 'failover';

/**
 * Returns this number of rounds of each kind, in an order drawn from the seed; each starts from the
 * region where the last one ended.
 */
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

/**
 * Plays one round: traffic, the switch, everything in order again, every token shown, the verdict.
 */
export async function playRound(
  lab: Lab,
  round: { readonly kind: RoundKind; readonly name: string },
  context: { readonly random: Random; readonly tokens: Tokens },
) {
  const startedMs = systemClock.monotonicMs();
  const played = await underTraffic(lab, round.name, async (from, traffic) => {
    const active = otherRegion(from);
    if (round.kind === 'switchover') await perform(lab, await plannedKind(lab, active), active);
    else {
      const { random } = context;
      await lossyFailover({ lab, from, random, fence: 'available', traffic, round: 1 });
    }
    return { active };
  });
  const records: readonly ClientRecord[] = played.requests;
  const survivors = new Set(played.survivors.orders.map(({ key }) => key));
  const shown = await context.tokens.show({ map: lab.map, ...played }, records, survivors);
  const { figures, violations } = judge({
    planned: round.kind === 'switchover',
    ...{ records, shown, survivors },
  });
  const tookMs = Math.round(systemClock.monotonicMs() - startedMs);
  return { kind: round.kind, figures, violations, records, tookMs };
}

/** Kills the active region while some of its acknowledged writes have not left it. */
async function lossyFailover(asked: RoundContext): Promise<void> {
  const { lab, from, random, traffic } = asked;
  await lab.cutReplication(from, true);
  try {
    await traffic.more(unheard.least + random.integer(unheard.more));
    await kinds['region-kill'](asked);
  } finally {
    await lab.cutReplication(from, false);
  }
}
