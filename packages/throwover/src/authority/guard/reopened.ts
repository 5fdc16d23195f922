import type { Inside } from './inside.ts';

/**
 * Writes to disk that somebody let the application in while this side was closed, so it may hold
 * writes that no other side has. They are salvaged before this side follows again.
 */
export function noteReopened({ memory, clock }: Pick<Inside, 'memory' | 'clock'>): Promise<void> {
  const wallMs = clock.wallMs();
  return memory.change(({ reopened: before }) => {
    const reopened = {
      firstWallMs: before?.firstWallMs ?? wallMs,
      lastWallMs: wallMs,
      times: (before?.times ?? 0) + 1,
    };
    return { part: { reopened }, answer: undefined };
  });
}
