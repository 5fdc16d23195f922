import type { Random } from '../kernel/kernel.ts';

/**
 * Returns faults in which another party changes who may log in: configuration management restores a
 * file, a person unlocks a role, a session is left in, or an older file with the closure's lines
 * comes back. `null`: not in this seed.
 */
export function meddlingOf(
  random: Random,
  { family, actions }: { readonly family: string; readonly actions: readonly unknown[] },
) {
  const [first] = actions;
  const share = random.next();
  if (first === undefined || share >= 0.3) return null;
  // Without other faults the window is one round of the guard, so a write in it can be
  // distinguished from a bug.
  const alone = random.next() < 0.6;
  if (share < 0.08) return { faults: closing(random), alone };
  const faults = family === 'planned' ? amidASwitchover(random) : opening(random, 1_000, 16_000);
  return { faults, alone };
}

/** Opens the side that is being left, several times. */
function opening(random: Random, fromMs: number, toMs: number) {
  return Array.from({ length: 1 + random.integer(4) }, () => ({
    what: 'somebody-opens' as const,
    region: 'east' as const,
    how: random.pick(['loaded', 'on-disk', 'and-back', 'session'] as const),
    atMs: fromMs + (toMs - fromMs) * random.next(),
    forMs: 0,
    onRun: true,
  }));
}

/** The controller dies after the promotion, so that the old side stays closed for a while. */
function amidASwitchover(random: Random) {
  const onStep = random.pick(['open-epoch', 'forward', 'stop-old']);
  const kill = { what: 'kill-controller', steps: random.integer(4) } as const;
  return [
    { ...kill, atMs: 0, forMs: 0, onRun: true, onStep },
    ...opening(random, 0, 4_000).map((fault) => ({ ...fault, onStep })),
  ];
}

/** The closure's lines come back on either side, before, during or after the run. */
function closing(random: Random) {
  return Array.from({ length: 1 + random.integer(3) }, () => ({
    what: 'somebody-closes' as const,
    region: random.pick(['east', 'west'] as const),
    loaded: random.next() < 0.7,
    atMs: 500 + 12_000 * random.next(),
    forMs: 0,
    onRun: false,
  }));
}
