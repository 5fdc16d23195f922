import type { ByHand, HandWork } from '../runbook/runbook.ts';
import type { Hands } from './hands.ts';
import type { RunPolicy } from './ports.ts';

/** The facts that the instructions of a step by hand depend on. */
export interface HandFacts {
  readonly kind: string;
  readonly from: string;
  readonly to: string;
  readonly hands: Hands;
  readonly policy: Pick<
    RunPolicy,
    | 'epoch'
    | 'lagBoundMs'
    | 'record'
    | 'forwardUrl'
    | 'deliverUrl'
    | 'returnUrl'
    | 'strict'
    | 'synchronous'
  >;
  /** Ids that a lossy promotion skips in each sequence. */
  readonly sequenceAdvance: number;
}

/** How far back deliveries are repeated when it is unknown what was lost, s. */
const redeliverSeconds = 3_600;

/**
 * Longest lease that a guard can hold (the store grants no longer one), plus the bound on clock
 * drift, s.
 */
const leaseEndsSeconds = 33;

const none = (why: string) => (): ByHand => ({ none: why });
const pastReturn = { none: 'comes after the promotion: from here on the way is forward' } as const;

/**
 * Each step of each run as manual instructions. A step without an entry here does not compile
 * (definition.ts), so no step can be added that only a program can do.
 */
const instructions = {
  'lower-ttl': none(
    'It only shortens how long clients keep the old answer, and has to be waited out.',
  ),
  warm: ({ hands, to }): ByHand => {
    const functions = hands.functions(to);
    if (functions === null) return { none: 'The service has no functions.' };
    return {
      work: functions.warm,
      look: `As many instances as are needed are ready in ${to}.`,
      ifNot: 'Go on: the first requests are slow, and none is lost.',
      back: functions.release,
    };
  },
  checkpoint: ({ hands, from }): ByHand => ({
    work: [hands.database(from).checkpoint],
    look: 'It ends without an error.',
    ifNot: 'Go on: a stop takes longer, nothing else.',
    back: { none: 'it changes nothing that is seen' },
  }),
  prewarm: none(
    'It reads tables into memory: the first requests are faster, and nothing depends on it.',
  ),
  'wait-for-lag': ({ hands, from, to, policy }): ByHand => ({
    work: [hands.database(from).lagAtMost(to, policy.lagBoundMs)],
    look: `${to} is at most ${policy.lagBoundMs} ms behind.`,
    ifNot: `Wait. Do not go on while ${to} is far behind: writes fail until it has caught up.`,
    back: { none: 'it only waits' },
  }),
  'hold-webhooks': none(
    'A gateway repeats what it could not deliver, and has it on disk before it answers the sender.',
  ),
  ramp: none('Only a program can shift shares of the traffic in steps of seconds.'),
  'hold-door': none(
    'A door holds requests for 30 s at most, which is less than the next steps take by hand. From `fence` to `forward` requests that write fail: tell those who have to know.',
  ),
  'expire-writer': ({ from }): ByHand => ({
    work: [
      {
        on: null,
        says: `${from}'s right to write ends by itself when its guard cannot renew it; wait that long`,
        lines: [`sleep ${leaseEndsSeconds}`],
      },
    ],
    look: `${leaseEndsSeconds} s have passed since ${from}'s guard was stopped or was lost.`,
    back: { none: 'it only waits' },
  }),
  'keep-in-sync': none(
    'It matters only while the old region may still write. By hand you make sure in `fence` that it cannot.',
  ),
  fence: ({ hands, kind, from, to }): ByHand => ({
    work: hands.database(from).close,
    look: `A position such as 0/3000148. Note it down: ${to} is asked for it. Then PostgreSQL says that it has stopped.`,
    ifNot:
      kind === 'failover'
        ? `Should ${from} not answer, make sure at the provider that its database is off or cut off from every client (power off its machine, close its network). Go on only then: two databases that take writes at once are worse than none.`
        : 'Take it back as it says here, and start again another day: nothing is lost.',
    back: hands.database(from).reopen,
  }),
  'catch-up': ({ hands, kind, from, to }): ByHand =>
    kind === 'failover'
      ? {
          work: [hands.database(to).received],
          look: `What ${to} has. If ${from} showed a position in \`fence\` and this one is not below it, nothing is missing; else what lies between is lost, and the promotion leaves a gap in the ids.`,
          back: { none: 'it only looks' },
        }
      : {
          work: [hands.database(to).hasReceived],
          look: `It says that ${to} has everything.`,
          ifNot: `Do not promote. Take \`fence\` back: ${from} has everything, and goes on as before.`,
          back: { none: 'it only looks' },
        },
  promote: ({ hands, kind, to, sequenceAdvance }): ByHand => ({
    work: hands.database(to).promote(kind === 'failover' ? { sequenceAdvance } : null),
    look: `${to}'s database is no standby any more, and the application can log in.`,
    ifNot: `Look into the log of ${to}'s database. As long as it is a standby, \`fence\` can be taken back.`,
    back: { none: 'a promotion cannot be taken back: the way home is a runbook of its own' },
  }),
  'open-epoch': ({ policy, to }): ByHand => ({
    none: `${to}'s guard finds the promotion when it is started again, and writes epoch ${policy.epoch + 1} down, at the other guard and in the store too.`,
  }),
  forward: ({ hands, kind, from, to, policy }): ByHand => {
    const epoch = policy.epoch + 1;
    return {
      work: [
        hands.door(to).serve(epoch),
        hands.door(from).forward(epoch, { region: to, url: policy.forwardUrl }),
      ],
      look: `${to}'s door answers "serve", ${from}'s door "forward". The service writes again.`,
      ...(kind === 'failover'
        ? { ifNot: `Should ${from}'s door not answer, go on: nobody comes through it.` }
        : {}),
      back: pastReturn,
    };
  },
  'stop-old': none('It was stopped in `fence`.'),
  flip: ({ hands, to, policy }): ByHand => {
    const { values } = policy.record;
    return {
      work: hands.dns.point({ region: to, epoch: policy.epoch + 1, values }),
      look: `The authoritative servers answer with ${values.join(', ')}. Clients follow within the TTL, ${policy.record.ttlSeconds} s; some take longer, and ${to} hears them through the old door.`,
      back: pastReturn,
    };
  },
  'deliver-webhooks': ({ hands, kind, to, policy }): ByHand => ({
    work: hands.gateways.map((gateway) =>
      gateway.deliver(policy.epoch + 1, { region: to, url: policy.deliverUrl }),
    ),
    look: 'Every gateway answers with the mode "deliver" and a backlog that shrinks.',
    ...(kind === 'failover'
      ? {
          ifNot:
            'Should a gateway not answer, go on: what it has accepted it delivers when it is back and was told.',
        }
      : {}),
    back: pastReturn,
  }),
  'redeliver-webhooks': ({ hands, policy }): ByHand => ({
    work: hands.gateways.map((gateway) => gateway.redeliver(policy.epoch, redeliverSeconds)),
    look: 'How many events are delivered again. The application handles an event once, by its id.',
    ifNot: 'Should a gateway not answer, go on; ask it again when it is back.',
    back: pastReturn,
  }),
  'attach-old': ({ hands, from, to }): ByHand => hands.database(from).follow(to),
  'keep-warm': none('The warm capacity stays until `release`: leave it there for some minutes.'),
  release: ({ hands, to }): ByHand => {
    const functions = hands.functions(to);
    if (functions === null) return { none: 'The service has no functions.' };
    return {
      work: functions.release,
      look: 'The capacity that `warm` asked for is gone; what the team had before is there.',
      back: { none: 'instances that are needed start by themselves' },
    };
  },
  'see-writer': none('It was seen in `promote` that the application can log in.'),
  'close-returned': ({ hands, to }): ByHand => ({
    work: hands.database(to).close,
    look: `${to}'s database has stopped.`,
    back: { none: `${to} must not take writes: another region is active` },
  }),
  salvage: none(
    'Only throwover lists what the returned region alone has. Until it is at hand leave its data directory as it is.',
  ),
} satisfies Record<string, (facts: HandFacts) => ByHand>;

/** The names of all steps of all runs. */
export type StepName = keyof typeof instructions;

export function byHand(step: StepName, facts: HandFacts): ByHand {
  return instructions[step](facts);
}

export function isStepName(name: string): name is StepName {
  return Object.hasOwn(instructions, name);
}

/**
 * Work before the first step: check that this is the right document, and stop everything of
 * throwover that could act meanwhile.
 */
export function beforeByHand({ hands, kind, from, to, policy }: HandFacts): readonly HandWork[] {
  const right = hands.dns.wasWrittenFor(policy.epoch, from);
  const lost = kind === 'failover';
  const guards = [hands.database(from).stopGuard, hands.database(to).stopGuard];
  return [
    ...(right === null ? [] : [right]),
    ...(lost ? guards.map((work, index) => (index === 0 ? orGone(work, from) : work)) : guards),
  ];
}

/** Work after the last step: start the guards again, so that throwover finds what people did. */
export function afterByHand({ hands, kind, from, to }: HandFacts): readonly HandWork[] {
  const old = hands.database(from).startGuard;
  return [hands.database(to).startGuard, kind === 'failover' ? orGone(old, from) : old];
}

function orGone(work: HandWork, region: string): HandWork {
  return { ...work, says: `${work.says}, if ${region} can be reached` };
}
