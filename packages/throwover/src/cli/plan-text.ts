import { formatMs } from '../kernel/kernel.ts';
import type { Plan } from '../runbook/runbook.ts';
import { clip, maxColumns } from './progress-view.ts';

/** A plan for people, at most 80 columns: what will be done, what stands against it, its digest. */
export function planText(plan: Plan, digest: string): string {
  const { kind, service, from, to, epoch, steps, guards } = plan;
  const width = Math.min(26, Math.max(...steps.map(({ name }) => name.length)));
  const lines = [
    `${kind} of ${service}, ${from} to ${to}, epoch ${epoch} to ${epoch + 1}`,
    '',
    ...steps.flatMap((step, index) => [
      ...(step.noReturn ? ['    -- from here on the run can only go forward --'] : []),
      ...wrap(
        `${String(index + 1).padStart(2)}  ${clip(step.name, width).padEnd(width)}  ${step.title}`,
        width + 6,
      ),
    ]),
    '',
    ...wrap(`Expected loss: ${expectedLoss(plan)}`, 2),
    ...guards.flatMap(({ name, title, refusals }) =>
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
  ];
  // The digest is copied as it is: never clipped.
  return `${lines.join('\n')}\nDigest: ${digest}\n`;
}

/** What the run may lose, by its kind and today's lag. The mandate names it. */
export function expectedLoss({ kind, facts, to }: Plan): string {
  if (kind !== 'flip-only') return 'no acknowledged write';
  const lag = facts['lag'] as { ms: number | null; bytes: number } | null | undefined;
  const behind =
    lag === null || lag === undefined
      ? 'how far it is behind is unknown'
      : `${lag.ms === null ? 'unknown time' : formatMs(lag.ms)}, ${lag.bytes} bytes behind now`;
  return `every write that ${to} does not have when it is promoted (${behind}); both sides may take writes`;
}

/** Breaks a line between words; what follows the first is indented so far. */
function wrap(line: string, indent: number): readonly string[] {
  if ([...line].length <= maxColumns) return [line];
  const lines: string[] = [];
  let rest = line;
  while ([...rest].length > maxColumns) {
    const space = rest.lastIndexOf(' ', maxColumns);
    if (space <= indent) return [...lines, clip(rest, maxColumns)];
    lines.push(rest.slice(0, space));
    rest = ' '.repeat(indent) + rest.slice(space + 1);
  }
  return [...lines, rest];
}
