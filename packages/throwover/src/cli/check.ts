import type { Closed } from '../authority/database-side.ts';
import type { DatabaseSurvey } from '../authority/survey.ts';
import { controlPlaneIn } from '../compose/control-plane.ts';
import { ttlSecondsOf } from '../compose/dns.ts';
import { assertNever, isThrowoverError, type ThrowoverError } from '../kernel/kernel.ts';
import { writerText } from '../replication/replication.ts';
import { ttlNote } from '../traffic/ttl/lower-ttl.ts';
import type { CommandContext } from './context.ts';
import { cliErrors } from './errors.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { durabilityText, lagText } from './lag-text.ts';
import { wrap } from './plan-text.ts';
import { lagReports, type Session, serviceState } from './session.ts';

/** One part of the service, as it was seen. Unreachable is not dead; unhealthy answered, and said what is wrong. */
interface Seen {
  readonly part: string;
  readonly state: 'healthy' | 'unhealthy' | 'unreachable';
  readonly said: string;
  readonly error: ReturnType<ThrowoverError['toJSON']> | null;
}

/**
 * `throwover check`: the file is right, and every part answers. Registers a service that the store has
 * not met; with `adopt`, puts the first generation beside a DNS record that has none.
 */
export async function checkCommand(
  { output, session }: CommandContext,
  options: { adopt: boolean },
): Promise<ExitCode> {
  const { service, path } = session.loaded;
  const parts = await look(session, options.adopt);
  const away = parts.filter(({ state }) => state === 'unreachable');
  const unwell = parts.filter(({ state }) => state === 'unhealthy');
  const width = Math.max(...parts.map(({ part }) => part.length));
  const lines = [
    `${path}: right (service ${service.name}, owner ${service.owner})`,
    ...parts.map(({ part, state, said }) =>
      wrap(`${marks[state]} ${part.padEnd(width)} ${state.padEnd(11)} ${said}`, width + 15).join(
        '\n',
      ),
    ),
  ];
  if (away.length === 0 && unwell.length === 0) {
    output.result({ path, service: service.name, parts }, lines.join('\n'));
    return exitCodes.ok;
  }
  output.say(lines.join('\n'));
  const names = [...unwell, ...away].map(({ part }) => part).join(', ');
  throw cliErrors.make(
    unwell.length > 0 ? 'parts-unhealthy' : 'parts-away',
    unwell.length > 0 ? `not as they must be: ${names}` : `no answer from ${names}`,
    { path, service: service.name, parts },
  );
}

/** `throwover check --offline`: the file alone. */
export function fileIsRight(
  { output }: Pick<CommandContext, 'output'>,
  { path, service }: { path: string; service: { name: string; owner: string } },
): ExitCode {
  output.result(
    { path, service: service.name, parts: [] },
    `${path}: right (service ${service.name}, owner ${service.owner})`,
  );
  return exitCodes.ok;
}

const marks = { healthy: '✓', unhealthy: '✗', unreachable: '?' } as const;

async function look(session: Session, adopt: boolean): Promise<readonly Seen[]> {
  const { parts, loaded } = session;
  const { traffic } = loaded.service;
  const store = await seen('store', async () => {
    const { active, epoch, openRun, openedBy } = await serviceState(session);
    const halt = await parts.store.halt();
    const notes = [
      openedBy === 'failover' ? 'opened by a failover' : '',
      openRun === null ? '' : `open: ${openRun}`,
      halt === null ? '' : `HALTED by ${halt.by}: ${halt.reason}`,
    ].filter(Boolean);
    return [`${active} is active in epoch ${epoch}`, ...notes].join('; ');
  });
  const dns = seen(`dns ${traffic.name}`, async () => {
    const found = await record(session, adopt);
    const { values, generation } = found;
    const note = ttlNote(found, ttlSecondsOf(loaded.service));
    return `${values.join(', ')} (${generation.region}, generation ${generation.number}${note === null ? '' : `; ${note}`})`;
  });
  const regions = parts.regions.flatMap(({ name, database, door, functions }) => [
    seen(`${name} database`, async () => {
      const { role, closed, streaming, version } = await database.status();
      const survey = role === 'primary' ? await database.survey?.() : undefined;
      const notes = [
        closedText(closed),
        streaming ? 'streaming' : '',
        ...(survey === undefined ? [] : surveyTexts(survey)),
      ].filter(Boolean);
      return [role, version ?? '', ...notes].filter(Boolean).join(', ');
    }),
    seen(`${name} door`, async () => {
      const { current, inFlight } = await door.status();
      return `${current.mode} in epoch ${current.epoch}, ${inFlight} in flight`;
    }),
    ...(functions === null
      ? []
      : [
          seen(`${name} functions`, async () => {
            const { accountLimit, provisioned } = await functions.facts();
            return `limit ${accountLimit}, ${provisioned?.ready ?? 0} provisioned`;
          }),
        ]),
  ]);
  const gateways = parts.gateways.map((gateway) =>
    seen(`${gateway.region} gateway`, async () => {
      const { current, backlog, deadLetters } = await gateway.status();
      return `${current.mode}, backlog ${backlog}, dead letters ${deadLetters}`;
    }),
  );
  const lines = await Promise.all([dns, ...regions, ...gateways]);
  return [store, ...lines, ...(await replication(session)), ...standing(session)];
}

/** Failovers that would need a part of the control plane in the region that they leave (A6). */
function standing({ loaded: { service } }: Session): readonly Seen[] {
  return Object.keys(service.regions).flatMap((region) => {
    const parts = controlPlaneIn(service, region);
    if (parts.length === 0) return [];
    const said = `IN THE WAY of a failover from ${region}: ${parts.join(', ')}; a failover from there asks for --override control-plane-in-lost-region`;
    return [{ part: `control plane in ${region}`, state: 'healthy', said, error: null }];
  });
}

/** What was sampled of replication, and what the declared durability costs or would cost. */
async function replication(session: Session): Promise<readonly Seen[]> {
  const { database, regions } = session.loaded.service;
  const active = await session.parts.store.service(session.loaded.service.name).then(
    (state) => state.active,
    () => null,
  );
  const reports = (await lagReports(session)) ?? [];
  const fromActive = reports.filter(({ from }) => from === active);
  const healthy = { state: 'healthy', error: null } as const;
  const lag = fromActive.map((report) => ({
    ...healthy,
    part: `lag ${report.from} to ${report.to}`,
    said: lagText(report),
  }));
  const none = { ...healthy, part: 'lag', said: 'not sampled: `throwover serve --service FILE`' };
  const others = Object.keys(regions).length > 1;
  return [
    ...(lag.length === 0 && others ? [none] : lag),
    {
      ...healthy,
      part: 'durability',
      said: durabilityText(database.durability, fromActive[0]),
    },
  ];
}

/** What a fence would not stop, and what a ledger of losses could not read; empty when there is nothing. */
function surveyTexts(survey: DatabaseSurvey): readonly string[] {
  const { writers, writersInAll, blindTables, blindTablesInAll } = survey;
  const list = (names: readonly string[], inAll: number) =>
    inAll > names.length
      ? `${names.join('; ')} and ${inAll - names.length} more`
      : names.join('; ');
  return [
    writersInAll === 0 ? '' : `WRITES PAST A FENCE: ${list(writers.map(writerText), writersInAll)}`,
    blindTablesInAll === 0
      ? ''
      : `without a replica identity, so lost updates and deletes cannot be listed: ${list(blindTables, blindTablesInAll)}`,
  ];
}

/** Why nobody can write there, in a word or two; empty when it is open. */
function closedText(closed: Closed | null): string {
  if (closed === null) return '';
  switch (closed.by) {
    case 'fence':
      return 'CLOSED by a fence';
    case 'start':
      return 'CLOSED since its start';
    case 'newer-epoch':
      return `closed: ${closed.active} is active in epoch ${closed.epoch}`;
    case 'promotion':
      return 'CLOSED while it is promoted';
    default:
      return assertNever(closed);
  }
}

/** The record with its generation. Adopting writes it for the region that the store says is active. */
async function record(session: Session, adopt: boolean) {
  const { dns } = session.parts;
  try {
    return await dns.read();
  } catch (error) {
    if (!adopt || !isThrowoverError(error, 'dns-record-foreign')) throw error;
    const { active, epoch } = await serviceState(session);
    return dns.adopt({ epoch, region: active });
  }
}

/** "No answer" is unreachable; an error that answers is unhealthy. */
async function seen(part: string, read: () => Promise<string>): Promise<Seen> {
  try {
    return { part, state: 'healthy', said: await read(), error: null };
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
    const state =
      error.code.endsWith('-unreachable') || error.code === 'store-away'
        ? 'unreachable'
        : 'unhealthy';
    return { part, state, said: `${error.code}: ${error.message}`, error: error.toJSON() };
  }
}
