/**
 * Practice: what each person did at each prompt, and how fresh that knowledge still is. Pure.
 *
 * It helps the team to learn: people are in the order of the rota, never ranked.
 */

import { z } from 'zod';
import type { LoggedRecord } from '../records/records.ts';

/** Prompts that a person answers, in their order. */
export const moveSteps = {
  name: 'take the drill by name',
  look: 'say which region is active',
  approve: 'approve the way there',
  verify: 'say which region is active now',
  return: 'approve the way back',
} as const;
export type MoveStep = keyof typeof moveSteps;

const what = {
  drill: z.string().nullable(),
  step: z.enum(Object.keys(moveSteps) as [MoveStep, ...MoveStep[]]),
  person: z.string(),
};

export const moveEvent = z.discriminatedUnion('event', [
  z.object({ event: z.literal('prompted'), ...what }),
  /** `afterMs`: time since the prompt, by the terminal's own clock. */
  z.object({ event: z.literal('acted'), ...what, afterMs: z.number().nonnegative() }),
  z.object({ event: z.literal('help'), ...what }),
  z.object({ event: z.literal('typo'), ...what }),
  z.object({ event: z.literal('handed-over'), ...what, to: z.string() }),
  z.object({ event: z.literal('expert'), ...what }),
]);
export type MoveEvent = z.infer<typeof moveEvent>;
type WithoutDrill<T> = T extends unknown ? Omit<T, 'drill'> : never;
/** The result of a prompt, without its drill; the caller that stores it adds the drill. */
export type Move = WithoutDrill<MoveEvent>;

/** Time after which half of the knowledge is left, ms: our guess (half a year leaves a quarter). */
const halfLifeMs = 90 * 86_400_000;

/** Everybody on the rota should have driven within this time, ms. */
export const coverageMs = 180 * 86_400_000;

/** Confidence in a step right after each way to do it; our ranking, not a measurement. */
const afterwards = { alone: 1, corrected: 0.8, expert: 0.5, handedOver: 0.2 } as const;

/** One person at one step: the last time and all times. */
export interface Memory {
  readonly step: MoveStep;
  readonly times: number;
  readonly lastWallMs: number;
  /** Seconds from the prompt to the right answer, the last time; null: handed over. */
  readonly seconds: number | null;
  readonly typos: number;
  readonly helped: number;
  readonly expert: number;
  readonly handedOver: number;
  /** 0 to 1: the result of the last time, halved every 90 days. */
  readonly confidence: number;
}

export interface PersonMemory {
  readonly person: string;
  readonly steps: readonly Memory[];
  /** Days since this person last drove; null: never. */
  readonly daysSince: number | null;
}

interface Attempt {
  typos: number;
  helped: number;
  expert: number;
}

/** Returns the memory of each person, in the order of `people`. */
export function memoryOf(
  records: readonly LoggedRecord[],
  people: readonly string[],
  nowWallMs: number,
): readonly PersonMemory[] {
  const kept = new Map<string, Memory>();
  const attempts = new Map<string, Attempt>();
  const drove = new Map<string, number>();
  for (const { body, atWallMs } of records) {
    const read = moveEvent.safeParse(body);
    if (!read.success) continue;
    const { event, person, step } = read.data;
    const key = `${person} ${step}`;
    const attempt = attempts.get(key) ?? { typos: 0, helped: 0, expert: 0 };
    attempts.set(key, attempt);
    if (event === 'prompted') attempts.set(key, { typos: 0, helped: 0, expert: 0 });
    if (event === 'typo') attempt.typos += 1;
    if (event === 'help') attempt.helped += 1;
    if (event === 'expert') attempt.expert += 1;
    if (event !== 'acted' && event !== 'handed-over') continue;
    const handedOver = event === 'handed-over';
    const before = kept.get(key);
    kept.set(key, {
      step,
      times: (before?.times ?? 0) + 1,
      lastWallMs: atWallMs,
      seconds: event === 'acted' ? read.data.afterMs / 1_000 : null,
      typos: (before?.typos ?? 0) + attempt.typos,
      helped: (before?.helped ?? 0) + attempt.helped,
      expert: (before?.expert ?? 0) + attempt.expert,
      handedOver: (before?.handedOver ?? 0) + Number(handedOver),
      confidence: levelOf(attempt, handedOver) * 0.5 ** ((nowWallMs - atWallMs) / halfLifeMs),
    });
    // To drive means to have moved the service, not only to have been asked.
    if (event === 'acted' && step === 'approve') drove.set(person, atWallMs);
  }
  return people.map((person) => {
    const last = drove.get(person);
    return {
      person,
      steps: (Object.keys(moveSteps) as MoveStep[]).flatMap(
        (step) => kept.get(`${person} ${step}`) ?? [],
      ),
      daysSince: last === undefined ? null : Math.floor((nowWallMs - last) / 86_400_000),
    };
  });
}

function levelOf({ typos, helped, expert }: Attempt, handedOver: boolean): number {
  if (handedOver) return afterwards.handedOver;
  if (expert > 0) return afterwards.expert;
  return typos + helped > 0 ? afterwards.corrected : afterwards.alone;
}

/** Returns how many of the drivers have driven in the last 180 days. */
export function coverage(memory: readonly PersonMemory[]): {
  readonly drove: number;
  readonly of: number;
} {
  const days = coverageMs / 86_400_000;
  const lately = memory.filter(({ daysSince }) => daysSince !== null && daysSince < days);
  return { drove: lately.length, of: memory.length };
}
