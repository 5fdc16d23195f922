import type { Unsent } from '../../authority/authority.ts';
import { formatMs, wrap } from '../../kernel/kernel.ts';
import { type Exposure, exposureText, type LagReport } from '../../replication/replication.ts';
import type { Plan } from '../../runbook/runbook.ts';
import { lagText } from '../text/lag-text.ts';
import { clip } from './progress-view.ts';

/** Returns a plan as text of at most 80 columns: possible loss, steps, refusals, digest. */
export function planText(plan: Plan, digest: string): string {
  const lines = [
    headline(plan),
    '',
    ...lossText(plan),
    ...stepTexts(plan),
    '',
    ...wrap(`Expected loss: ${expectedLoss(plan)}`, 2),
    ...lagHistoryTexts(plan),
    ...plan.guards.flatMap(({ name, title, refusals }) =>
      refusals.length === 0
        ? wrap(`  ✓ ${name}: ${title}`, 4)
        : refusals.flatMap(({ error, override }) => [
            ...wrap(`  ✗ ${name}: ${error.code}: ${error.message}`, 4),
            ...wrap(
              `    ${override === null ? error.remedy : `${error.remedy} Or: --override ${override}`}`,
              4,
            ),
          ]),
    ),
    ...overrideText(plan),
  ];
  // The digest will be copied as it is, so it is never clipped.
  return `${lines.join('\n')}\nDigest: ${digest}\n`;
}

function headline({ kind, service, from, to, epoch }: Plan): string {
  return kind === 'rejoin'
    ? `rejoin of ${service}: ${to} as a standby of ${from}, which stays active in epoch ${epoch}`
    : `${kind} of ${service}, ${from} to ${to}, epoch ${epoch} to ${epoch + 1}`;
}

/** Returns one line per step; a bar marks steps that run at the same time. */
function stepTexts({ steps }: Plan): readonly string[] {
  const width = Math.min(26, Math.max(...steps.map(({ name }) => name.length)));
  return steps.flatMap((step, index) => {
    const beside = step.group === undefined ? ' ' : '|';
    const number = `${String(index + 1).padStart(2)} ${beside} `;
    return [
      ...(step.noReturn ? ['     -- from here on the run can only go forward --'] : []),
      ...wrap(`${number}${clip(step.name, width).padEnd(width)}  ${step.title}`, width + 7),
    ];
  });
}

/** Returns the possible loss of a failover, so that it is read first. */
function lossText({ kind, from, to, facts }: Plan): readonly string[] {
  if (kind !== 'failover') return [];
  const exposure = exposureIn(facts);
  const bound = facts['lossBoundMs'];
  const advance = facts['sequenceAdvance'] as { by: number; arithmetic: string } | undefined;
  return [
    'WHAT WOULD BE LOST',
    ...wrap(`  ${exposureText(exposure, from)}.`, 2),
    ...unsentTexts(facts['unsent'], from),
    ...(typeof bound === 'number' ? [`  The bound is ${formatMs(bound)}.`] : []),
    ...(exposure.kind === 'none'
      ? []
      : [
          ...wrap(
            `  ${from} may go on writing until it is closed; what it writes then is lost to ${to} too, and stands in \`throwover losses\` once it rejoins.`,
            2,
          ),
          ...(advance === undefined
            ? []
            : wrap(
                `  Ids: every sequence is moved on by ${advance.by}: ${advance.arithmetic}.`,
                2,
              )),
        ]),
    ...gatewayTexts(facts['webhooks']),
    '',
  ];
}

/**
 * Returns the rows by name, where the region can still be asked, so that a person sees at once
 * whether they matter.
 */
function unsentTexts(facts: unknown, from: string): readonly string[] {
  const unsent = facts as Unsent | null | undefined;
  if (unsent === null || unsent === undefined) {
    return wrap(`  Which rows: ${from} cannot be asked.`, 2);
  }
  if (unsent.state === 'unavailable') {
    return wrap(`  Which rows: cannot be told, ${unsent.why}.`, 2);
  }
  const { rows, count, more } = unsent;
  if (count === 0) return ['  Which rows: none at this moment.'];
  const shown = rows.length < count ? `, the first ${rows.length}` : '';
  return [
    `  Which rows: ${more ? 'at least ' : ''}${count} at this moment${shown}:`,
    ...rows.flatMap(({ table, operation, key }) => {
      const values = Object.entries(key ?? {}).map(([name, value]) => `${name}=${value ?? 'null'}`);
      return wrap(`    ${operation} ${table} ${values.join(' ') || '(no key)'}`, 6);
    }),
  ];
}

/** Returns how far the standby was behind in the last 30 days, where that was sampled. */
function lagHistoryTexts({ facts, from, to }: Plan): readonly string[] {
  const reports = facts['lagHistory'];
  if (!Array.isArray(reports)) return [];
  return (reports as readonly LagReport[])
    .filter((report) => report.from === from && report.to === to)
    .flatMap((report) => wrap(`Lag, ${from} to ${to}: ${lagText(report)}`, 2));
}

function gatewayTexts(webhooks: unknown): readonly string[] {
  if (!Array.isArray(webhooks)) return [];
  return webhooks.flatMap((gateway: Readonly<Record<string, unknown>>) =>
    wrap(
      gateway['answers'] === true
        ? `  Webhooks: ${gateway['region']}'s gateway holds ${gateway['backlog']} that are not delivered.`
        : `  Webhooks: ${gateway['region']}'s gateway does not answer. How many it alone has accepted is UNKNOWN; they wait there until it is back.`,
      2,
    ),
  );
}

/**
 * Returns in capitals what the overrides of this plan would mean, so that nobody accepts two
 * writers by mistake.
 */
function overrideText({ guards, from, to }: Plan): readonly string[] {
  const asked = new Set(
    guards.flatMap(({ refusals }) => refusals.map(({ override }) => override ?? '')),
  );
  const meanings = {
    'two-writers': `TWO REGIONS MAY TAKE WRITES AT ONCE. ${from} does not answer, which is not the same as dead. Clients that still reach it get their writes acknowledged there; ${to} will not have them, ids may be given out twice, and a person has to merge them by hand. Take it only if you know that ${from} is down or that nobody reaches it.`,
    'cluster-identity-unknown': `NOBODY KNOWS WHETHER ${to} HAS THE DATA OF THIS SERVICE. Its database may be the standby of another cluster, or one that was restored from a backup. Take it only if you have looked at the data.`,
    'loss-above-bound': `ACKNOWLEDGED WRITES ARE GIVEN UP, more than this service allows. What ${from} still has is read back into \`throwover losses\` when it rejoins; until then it is missing.`,
  };
  return Object.entries(meanings).flatMap(([override, meaning]) =>
    asked.has(override) ? ['', ...wrap(`--override ${override}: ${meaning}`, 2)] : [],
  );
}

/** Whether this plan loses, or may lose, acknowledged writes. */
export function losesWrites({ kind, facts }: Plan): boolean {
  return kind === 'failover' && exposureIn(facts).kind !== 'none';
}

/** Returns what the run may lose, by its kind and the current facts. The mandate names it. */
export function expectedLoss({ kind, facts, from, to }: Plan): string {
  if (kind === 'failover') return exposureText(exposureIn(facts), from);
  if (kind !== 'flip-only') return 'no acknowledged write';
  const lag = facts['lag'] as { ms: number | null; bytes: number } | null | undefined;
  const behind =
    lag === null || lag === undefined
      ? 'how far it is behind is unknown'
      : `${lag.ms === null ? 'unknown time' : formatMs(lag.ms)}, ${lag.bytes} bytes behind now`;
  return `every write that ${to} does not have when it is promoted (${behind}); both sides may take writes`;
}

function exposureIn(facts: Plan['facts']): Exposure {
  const exposure = facts['exposure'];
  if (typeof exposure === 'object' && exposure !== null && 'kind' in exposure) {
    return exposure as Exposure;
  }
  return { kind: 'unknown', why: 'the plan does not say' };
}
