import {
  type DatabaseSide,
  type DatabaseStatus,
  type ExpectedGuard,
  guardOfAnotherPair,
  strangerAt,
} from '../authority/authority.ts';
import { parityDifferences } from '../kernel/kernel.ts';
import type { Guard, Refusal } from '../runbook/runbook.ts';
import { replicationErrors } from './errors.ts';

/**
 * The guard that both databases are ready for a planned switch: a writable primary and a streaming
 * standby with the same settings.
 */
export function databasesReady(options: {
  service: string;
  from: DatabaseSide;
  to: DatabaseSide;
}): Guard {
  return {
    name: 'databases-ready',
    title: `${options.from.region} is the primary, ${options.to.region} streams from it, their settings are alike`,
    check: async () => {
      const [from, to] = await Promise.all([options.from.status(), options.to.status()]);
      const strangers = strangerRefusals(options.service, [options.from, from], [options.to, to]);
      if (strangers.length > 0) return strangers;
      return [...primaryRefusals(from), ...standbyRefusals(to), ...parityRefusals(from, to)];
    },
  };
}

/**
 * Refuses unless both guards belong to this service and these two regions. An answer of `null`
 * means that the guard did not answer.
 */
export function strangerRefusals(
  service: string,
  ...sides: readonly [
    [from: DatabaseSide, answer: DatabaseStatus | null],
    [to: DatabaseSide, answer: DatabaseStatus | null],
  ]
): readonly Refusal[] {
  const [[from], [to]] = sides;
  return sides.flatMap(([{ region }, answer]) => {
    const peer = region === from.region ? to.region : from.region;
    const expected: ExpectedGuard = { service, region, peer };
    const why = answer === null ? null : strangerAt(expected, answer);
    return why === null ? [] : [{ error: guardOfAnotherPair(why, expected), override: null }];
  });
}

export function primaryRefusals(from: DatabaseStatus): readonly Refusal[] {
  if (from.role !== 'primary') {
    return [
      never('not-the-primary', `${from.region}'s database is ${from.role}, not the primary`, {
        role: from.role,
      }),
    ];
  }
  return [];
}

function standbyRefusals(to: DatabaseStatus): readonly Refusal[] {
  if (to.role === 'standby' && to.streaming) return [];
  const what = to.role === 'standby' ? 'is a standby that receives nothing' : `is ${to.role}`;
  return [
    never('standby-not-ready', `${to.region}'s database ${what}`, {
      role: to.role,
      streaming: to.streaming,
    }),
  ];
}

function parityRefusals(from: DatabaseStatus, to: DatabaseStatus): readonly Refusal[] {
  const differ = parityDifferences(from, to);
  if (differ === null) return [];
  return [
    {
      error: replicationErrors.make(
        'configuration-differs',
        `the databases differ in ${differ.names}`,
        differ.evidence,
      ),
      override: 'different-configuration',
    },
  ];
}

export function never(
  code: Parameters<typeof replicationErrors.make>[0],
  message: string,
  evidence: Readonly<Record<string, unknown>>,
): Refusal {
  return { error: replicationErrors.make(code, message, evidence), override: null };
}
