import {
  daySpan,
  drillErrors,
  drillsOf,
  type Finding,
  type FindingEvent,
  findingsOf,
  openDrill,
  unsettled,
} from '../../drills/drills.ts';
import { isoTime, wrap } from '../../kernel/kernel.ts';
import type { CommandContext } from '../context.ts';
import { cliErrors } from '../errors.ts';
import { onCallPerson, whoGives } from '../evidence/who.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';

interface Given {
  readonly as?: string;
}

/** `throwover finding add TEXT`: adds a finding, for the open drill if there is one. */
export async function addFinding(
  context: CommandContext,
  options: Given & { text: string; run?: string },
): Promise<ExitCode> {
  const { output, session } = context;
  const by = whoGives(context, options.as);
  const open = openDrill(drillsOf(await session.parts.records.list('drill')));
  const event: FindingEvent = {
    event: 'raised',
    text: options.text,
    source: 'person',
    drill: open?.id ?? null,
    runId: options.run ?? open?.runs.at(-1)?.runId ?? null,
  };
  const { seq } = await session.parts.records.append('finding', by, event);
  const id = `F${seq}`;
  output.result(
    { finding: id },
    `${id}: ${options.text}\nNext: throwover finding task ${id} --owner PERSON --due DATE`,
  );
  return exitCodes.ok;
}

/** `throwover finding task`: assigns a finding to an owner, with a due date. May be repeated. */
export async function taskFinding(
  context: CommandContext,
  options: Given & { id: string; owner: string; due: string },
): Promise<ExitCode> {
  const { service } = context.session.loaded;
  const owner = onCallPerson(service.onCall, options.owner);
  const dueWallMs = dueOf(options.due, service.drills?.zone ?? 'UTC');
  return settle(context, options, { event: 'task', finding: options.id, owner, dueWallMs });
}

/** `throwover finding waive`: accepts a finding without a fix, by name and with a reason. */
export function waiveFinding(
  context: CommandContext,
  options: Given & { id: string; reason: string },
): Promise<ExitCode> {
  const { id: finding, reason } = options;
  return settle(context, options, { event: 'waived', finding, reason });
}

/** `throwover finding close`: closes a fixed finding, with a note about the fix. */
export function closeFinding(
  context: CommandContext,
  options: Given & { id: string; note: string },
): Promise<ExitCode> {
  const { id: finding, note } = options;
  return settle(context, options, { event: 'closed', finding, note });
}

/** `throwover finding list`: lists the findings that wait for somebody; with `all`, every one. */
export async function listFindings(
  { output, session }: CommandContext,
  { all }: { all: boolean },
): Promise<ExitCode> {
  const every = findingsOf(await session.parts.records.list('finding'));
  const findings = all ? every : unsettled(every);
  const text =
    findings.length === 0
      ? `No finding${all ? '' : ' waits for anybody'}.`
      : findings.flatMap((finding) => linesOf(finding)).join('\n');
  output.result({ findings }, text);
  return exitCodes.ok;
}

function linesOf({
  id,
  text,
  source,
  drill,
  by,
  raisedWallMs,
  ...rest
}: Finding): readonly string[] {
  const { status, owner, dueWallMs, settled } = rest;
  const whose = source === 'person' ? by : source;
  const state =
    settled !== null
      ? `${status} by ${settled.by}: ${settled.note}`
      : status === 'task' && dueWallMs !== null
        ? `${owner}, until ${isoTime(dueWallMs - 1).slice(0, 10)}`
        : 'OPEN: nobody owns it';
  const where = drill === null ? '' : ` in ${drill}`;
  return [
    ...wrap(`${id}  ${text}`, 4),
    ...wrap(`    ${isoTime(raisedWallMs).slice(0, 10)}${where}, ${whose}; ${state}`, 6),
  ];
}

async function settle(
  context: CommandContext,
  { id, as }: Given & { id: string },
  event: Exclude<FindingEvent, { event: 'raised' }>,
): Promise<ExitCode> {
  const { output, session } = context;
  const by = whoGives(context, as);
  const { records } = session.parts;
  const before = find(findingsOf(await records.list('finding')), id);
  if (before.settled !== null) {
    const { settled } = before;
    throw drillErrors.make('finding-settled', `${id} was ${before.status} by ${settled.by}`, {
      id,
    });
  }
  await records.append('finding', by, event);
  const finding = find(findingsOf(await records.list('finding')), id);
  output.result(finding, linesOf(finding).join('\n'));
  return exitCodes.ok;
}

function find(findings: readonly Finding[], id: string): Finding {
  const found = findings.find((finding) => finding.id === id);
  if (found !== undefined) return found;
  const known = findings.map((finding) => finding.id).join(', ') || 'none';
  throw drillErrors.make('no-finding', `expected one of ${known}; found "${id}"`, { id });
}

/** Returns the end of that day. */
function dueOf(text: string, zone: string): number {
  try {
    return daySpan(text, zone).untilWallMs;
  } catch (error) {
    const message = `expected a date such as 2026-11-20; found "${text}"`;
    throw cliErrors.make('usage-wrong', message, {}, error);
  }
}
