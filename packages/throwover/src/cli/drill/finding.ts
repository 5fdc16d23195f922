import { Argument, Option } from 'commander';
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
import { answer } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { onCallPerson, whoGives } from '../evidence/who.ts';
import { asPerson, mandatory } from '../options.ts';
import type { Session } from '../session.ts';

interface Given {
  readonly finding: string;
  readonly as?: string;
}

const oneFinding = () => [new Argument('<finding>'), asPerson()];

/** Adds a finding, for the open drill if there is one. */
export const addFinding = answer({
  name: 'finding add',
  says: 'Record a finding; it belongs to the open drill, if there is one',
  takes: () => [
    new Argument('<text>'),
    asPerson(),
    new Option('--run <run>', 'Run that showed it'),
  ],
  look: async (session, { text, run, as }: { text: string; run?: string; as?: string }) => {
    const by = whoGives(session, as);
    const open = openDrill(drillsOf(await session.parts.records.list('drill')));
    const event: FindingEvent = {
      event: 'raised',
      text,
      source: 'person',
      drill: open?.id ?? null,
      runId: run ?? open?.runs.at(-1)?.runId ?? null,
    };
    const { seq } = await session.parts.records.append('finding', by, event);
    return { finding: `F${seq}` };
  },
  text: ({ finding }, { given }) =>
    `${finding}: ${given.text}\nNext: throwover finding task ${finding} --owner PERSON --due DATE`,
});

/** Assigns a finding to an owner, with a due date. May be repeated. */
export const taskFinding = answer({
  name: 'finding task',
  says: 'Assign a finding to an owner, with a due date',
  takes: () => [
    ...oneFinding(),
    mandatory(new Option('--owner <person>', 'Owner: a person of onCall')),
    mandatory(new Option('--due <date>', 'Due date, for example 2026-11-20')),
  ],
  look: async (session, given: Given & { owner: string; due: string }) => {
    const { service } = session.loaded;
    const owner = onCallPerson(service.onCall, given.owner);
    const dueWallMs = dueOf(given.due, service.drills?.zone ?? 'UTC');
    return settle(session, given, { event: 'task', finding: given.finding, owner, dueWallMs });
  },
  text: findingText,
});

/** Accepts a finding without a fix, by name and with a reason. */
export const waiveFinding = answer({
  name: 'finding waive',
  says: 'Accept a finding without fixing it',
  takes: () => [...oneFinding(), mandatory(new Option('--reason <text>', 'why'))],
  look: (session, given: Given & { reason: string }) => {
    const { finding, reason } = given;
    return settle(session, given, { event: 'waived', finding, reason });
  },
  text: findingText,
});

/** Closes a fixed finding, with a note about the fix. */
export const closeFinding = answer({
  name: 'finding close',
  says: 'Close a finding that is fixed',
  takes: () => [...oneFinding(), mandatory(new Option('--note <text>', 'How it was fixed'))],
  look: (session, given: Given & { note: string }) => {
    const { finding, note } = given;
    return settle(session, given, { event: 'closed', finding, note });
  },
  text: findingText,
});

/** The findings that wait for somebody; with `all`, every one. */
export const listFindings = answer({
  name: 'finding list',
  says: 'List findings that nobody has settled yet',
  takes: () => [new Option('--all', 'Include settled findings')],
  look: async (session, { all }: { all?: boolean }) => {
    const every = findingsOf(await session.parts.records.list('finding'));
    return { findings: all === true ? every : unsettled(every) };
  },
  text: ({ findings }, { given }) =>
    findings.length === 0
      ? `No finding${given.all === true ? '' : ' waits for anybody'}.`
      : findings.map(findingText).join('\n'),
});

function findingText(finding: Finding): string {
  return linesOf(finding).join('\n');
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
  session: Session,
  { finding: id, as }: Given,
  event: Exclude<FindingEvent, { event: 'raised' }>,
): Promise<Finding> {
  const by = whoGives(session, as);
  const { records } = session.parts;
  const before = find(findingsOf(await records.list('finding')), id);
  if (before.settled !== null) {
    const { settled } = before;
    throw drillErrors.make('finding-settled', `${id} was ${before.status} by ${settled.by}`, {
      id,
    });
  }
  await records.append('finding', by, event);
  return find(findingsOf(await records.list('finding')), id);
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
