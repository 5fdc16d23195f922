import type { RequestRecord } from 'throwover';
import { quantiles } from 'throwover/kernel';
import { z } from 'zod';

const ms = z.number().nullable();

/** When the clients had moved, life ms after the flip; `null`: not while they were watched. */
export const movedSchema = z.object({
  t50LifeMs: ms,
  t90LifeMs: ms,
  t99LifeMs: ms,
  /**
   * Median over clients of half the time between the last request to the old region and the next
   * request, life ms.
   */
  resolutionLifeMs: ms,
  /** Requests after the flip; `stragglers` went to the region that was left. */
  requests: z.number(),
  stragglers: z.number(),
});
type MovedTruth = z.infer<typeof movedSchema>;

/** A client's requests after the flip, and when it left the old region. */
interface Mover {
  readonly requests: number;
  /** `null`: it did not while it was watched. */
  readonly movedLifeMs: number | null;
  readonly gapLifeMs: number | null;
}

/**
 * Returns when the clients moved, from their own records alone. A client has moved at some time
 * between its last request to the old region and its next request; the middle of that time is
 * taken. A share of the traffic has moved when the clients that send it have.
 */
export function movedTruth(
  records: readonly RequestRecord[],
  run: { readonly from: string; readonly flippedWallMs: number; readonly timeScale: number },
): MovedTruth {
  const after = records
    .filter(({ entry, sentMs }) => entry !== null && sentMs >= run.flippedWallMs)
    .sort((a, b) => a.sentMs - b.sentMs);
  const movers = [...Map.groupBy(after, ({ client }) => client).values()].map((own) =>
    moverOf(own, run),
  );
  const gaps = movers.flatMap(({ gapLifeMs }) => gapLifeMs ?? []);
  const t = (share: number) => movedAt(movers, share);
  return {
    ...{ t50LifeMs: t(0.5), t90LifeMs: t(0.9), t99LifeMs: t(0.99) },
    resolutionLifeMs: gaps.length === 0 ? null : (quantiles(gaps)?.p50 ?? 0) / 2,
    requests: after.length,
    stragglers: after.filter(({ entry }) => entry === run.from).length,
  };
}

/** Returns how one client moved, from its requests in order. */
function moverOf(
  own: readonly RequestRecord[],
  { from, flippedWallMs, timeScale }: Parameters<typeof movedTruth>[1],
): Mover {
  const requests = own.length;
  const last = own.findLastIndex(({ entry }) => entry === from);
  if (last < 0) return { requests, movedLifeMs: 0, gapLifeMs: null };
  const lastMs = own[last]?.sentMs ?? 0;
  const nextMs = own[last + 1]?.sentMs;
  if (nextMs === undefined) return { requests, movedLifeMs: null, gapLifeMs: null };
  return {
    requests,
    movedLifeMs: ((lastMs + nextMs) / 2 - flippedWallMs) * timeScale,
    gapLifeMs: (nextMs - lastMs) * timeScale,
  };
}

function movedAt(movers: readonly Mover[], share: number): number | null {
  const sum = movers.reduce((all, { requests }) => all + requests, 0);
  if (sum === 0) return null;
  const never = Number.MAX_VALUE;
  const sorted = [...movers].sort((a, b) => (a.movedLifeMs ?? never) - (b.movedLifeMs ?? never));
  let moved = 0;
  for (const { requests, movedLifeMs } of sorted) {
    moved += requests;
    // A share that is just reached counts as reached, despite rounding.
    if (moved >= share * sum * (1 - 1e-9)) return movedLifeMs;
  }
  return null;
}
