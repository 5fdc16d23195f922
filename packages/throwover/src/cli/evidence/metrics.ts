import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { allFamilies, dashboardJson, rulesText } from '../../dashboard/dashboard.ts';
import { wrap } from '../../kernel/kernel.ts';
import type { CommandContext } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';

/** `throwover metrics list`: lists the metrics that `GET /metrics` of serve exposes. */
export async function listFamilies({ output }: CommandContext): Promise<ExitCode> {
  const told = allFamilies.map(({ name, help, unit, labels }) => ({ name, help, unit, labels }));
  const text = told.flatMap(({ name, help, unit, labels }) => [
    [name, `(${[unit, ...labels].join(', ')})`].join(' '),
    ...wrap(`  ${help}`, 2),
  ]);
  output.result({ families: told }, text.join('\n'));
  return exitCodes.ok;
}

/**
 * `throwover metrics dashboard`: writes a Grafana dashboard with the panels that the team has
 * declared.
 */
export function dashboardCommand(context: CommandContext, out: string | undefined) {
  const { panels } = context.session.loaded.service.evidence;
  const declared = Object.entries(panels).map(([name, { metric }]) => ({ name, metric }));
  return written(context, dashboardJson(declared), out);
}

/** `throwover metrics rules`: writes alert rules for Prometheus. */
export function rulesCommand(context: CommandContext, out: string | undefined): Promise<ExitCode> {
  return written(context, rulesText(), out);
}

async function written(
  { output }: CommandContext,
  text: string,
  out: string | undefined,
): Promise<ExitCode> {
  if (out === undefined) {
    output.result({ text }, text.trimEnd());
    return exitCodes.ok;
  }
  const path = resolve(out);
  await writeFile(path, text);
  output.result({ path }, path);
  return exitCodes.ok;
}
