import { z } from 'zod';
import { functionErrors, type WarmUpRound } from '../../functions/functions.ts';
import { isThrowoverError } from '../../kernel/kernel.ts';

/**
 * Most invocations at the same time: the number of environments that Lambda adds to one function in
 * 10 s (AWS Lambda docs, "Lambda scaling behavior"). More would be throttled, and each takes a
 * connection.
 */
const maxAtOnce = 1_000;

/** Lambda's answer to one invocation. */
export interface Invoked {
  readonly functionError: string | null;
  readonly payload: string;
  /** Tail of the log, with the REPORT line. */
  readonly log: string;
}

/** The answer of `withWarmUp` of @throwover/client. */
const answerSchema = z.object({
  'throwover-warm-up': z.object({ instance: z.string().min(1), cold: z.boolean() }),
});

type Outcome =
  | { readonly kind: 'answered'; readonly instance: string; readonly cold: boolean }
  | { readonly kind: 'throttled' | 'failed'; readonly reason: string };

/**
 * Sends one invocation alone, which is not held; then as many at the same time as instances are
 * needed. Throws `functions-not-wrapped` after the first one if the application answered it.
 */
export async function inRounds(options: {
  region: string;
  instances: number;
  holdMs: number;
  invoke: (holdMs: number) => Promise<Invoked>;
}): Promise<WarmUpRound> {
  const { region, instances, holdMs, invoke } = options;
  if (instances > maxAtOnce) {
    throw functionErrors.make(
      'functions-quota',
      `${region} needs ${instances} instances at once, and invocations start at most ${maxAtOnce}: use provisioned instances`,
      { region, instances, limit: maxAtOnce },
    );
  }
  const first = await invoke(0);
  mustBeWrapped(region, first);
  const all = await Promise.allSettled(Array.from({ length: instances }, () => invoke(holdMs)));
  const outcomes = all.map((one) =>
    one.status === 'fulfilled' ? outcomeOf(one.value) : refusalOf(one.reason),
  );
  const answered = outcomes.filter((outcome) => outcome.kind === 'answered');
  const invoked = [first, ...all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))];
  const reports = invoked.map(({ log }) => reportOf(log));
  return {
    instances: [...new Set(answered.map(({ instance }) => instance))],
    cold: reports.filter(({ initMs }) => initMs !== null).length,
    initMs: reports.flatMap(({ initMs }) => initMs ?? []),
    throttled: outcomes.filter(({ kind }) => kind === 'throttled').length,
    failed: outcomes.filter(({ kind }) => kind === 'failed').length,
    reason: outcomes.find((outcome) => outcome.kind !== 'answered')?.reason ?? null,
    billedMs: reports.reduce((sum, { billedMs }) => sum + billedMs, 0),
    requests: invoked.length,
  };
}

/**
 * An error of the function may come from its preparation; an answer of another shape comes from the
 * application.
 */
function mustBeWrapped(region: string, invoked: Invoked): void {
  if (invoked.functionError !== null || parsed(invoked.payload) !== null) return;
  throw functionErrors.make(
    'functions-not-wrapped',
    `the function in ${region} answered a warm-up as if it were a request`,
    { region },
  );
}

function outcomeOf({ functionError, payload }: Invoked): Outcome {
  if (functionError !== null) return { kind: 'failed', reason: payload.slice(0, 500) };
  const answer = parsed(payload);
  if (answer === null) return { kind: 'failed', reason: 'no answer of withWarmUp' };
  return { kind: 'answered', ...answer['throwover-warm-up'] };
}

function refusalOf(error: unknown): Outcome {
  if (!isThrowoverError(error)) throw error;
  const kind = error.code === 'functions-quota' ? 'throttled' : 'failed';
  return { kind, reason: error.message };
}

function parsed(payload: string): z.infer<typeof answerSchema> | null {
  try {
    return answerSchema.safeParse(JSON.parse(payload)).data ?? null;
  } catch {
    return null;
  }
}

/**
 * Returns the billed time and the duration of the start, from the log's REPORT line. Without
 * `Billed Duration` (in the lab) it uses `Duration` plus the start.
 */
export function reportOf(log: string): { billedMs: number; initMs: number | null } {
  const figure = (name: string) => {
    const found = new RegExp(`(?:^|\\s)${name}: ([\\d.]+) ms`).exec(log)?.[1];
    return found === undefined ? null : Number(found);
  };
  const initMs = figure('Init Duration');
  const durationMs = figure('\\tDuration') ?? figure('Duration') ?? 0;
  return { billedMs: figure('Billed Duration') ?? durationMs + (initMs ?? 0), initMs };
}
