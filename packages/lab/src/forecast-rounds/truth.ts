import { type RequestRecord, settledLifeMs } from 'throwover';

/** When the clients' requests had moved, life ms after the flip; `null`: not while they were watched. */
export interface MovedTruth {
  readonly t50LifeMs: number | null;
  readonly t90LifeMs: number | null;
  readonly t99LifeMs: number | null;
  /** After the flip; `stragglers` went to the region that was left. */
  readonly requests: number;
  readonly stragglers: number;
}

/** By the clients' own records alone: each request of theirs is one point, at the time when it was sent. */
export function movedTruth(
  records: readonly RequestRecord[],
  run: { readonly from: string; readonly flippedWallMs: number; readonly timeScale: number },
): MovedTruth {
  const { from, flippedWallMs, timeScale } = run;
  const points = records
    .filter(({ entry, sentMs }) => entry !== null && sentMs >= flippedWallMs)
    .sort((a, b) => a.sentMs - b.sentMs)
    .map(({ entry, sentMs }) => ({
      sinceFlipLifeMs: (sentMs - flippedWallMs) * timeScale,
      requests: 1,
      stragglers: entry === from ? 1 : 0,
    }));
  const t = (share: number) => settledLifeMs(points, share);
  return {
    ...{ t50LifeMs: t(0.5), t90LifeMs: t(0.9), t99LifeMs: t(0.99) },
    requests: points.length,
    stragglers: points.reduce((sum, { stragglers }) => sum + stragglers, 0),
  };
}
