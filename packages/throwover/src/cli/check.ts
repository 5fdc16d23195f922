import type { Closed } from '../authority/database-side.ts';
import type { DatabaseSurvey } from '../authority/survey.ts';
import { controlPlaneIn } from '../compose/control-plane.ts';
import { ttlSecondsOf } from '../compose/dns.ts';
import { resolverFacts } from '../compose/resolvers.ts';
import {
  assertNever,
  formatMs,
  isThrowoverError,
  type ThrowoverError,
  wrap,
} from '../kernel/kernel.ts';
import { writerText } from '../replication/replication.ts';
import { ttlNote } from '../traffic/ttl/lower-ttl.ts';
import type { CommandContext } from './context.ts';
import { cliErrors } from './errors.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { calibrations } from './forecast.ts';
import { calibrationText } from './forecast-view.ts';
import { durabilityText, lagText } from './lag-text.ts';
import { lagReports, type Session, serviceState } from './session.ts';

/** What the board is made of, in its order. */
const sections = ['database', 'traffic', 'functions', 'webhooks', 'people', 'forecast'] as const;
type Section = (typeof sections)[number];

/**
 * One part of the service, as it was seen. Unreachable is not dead; unhealthy answered, and said what is
 * wrong; unknown was never measured, which is told and fails nothing.
 */
interface Seen {
  readonly section: Section;
  readonly part: string;
  readonly state: 'healthy' | 'unhealthy' | 'unreachable' | 'unknown';
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
    ...sections.flatMap((section) => {
      const here = parts.filter((one) => one.section === section);
      if (here.length === 0) return [];
      return [
        section,
        ...here.map(({ part, state, said }) =>
          wrap(
            `  ${marks[state]} ${part.padEnd(width)} ${state.padEnd(11)} ${said}`,
            width + 17,
          ).join('\n'),
        ),
      ];
    }),
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

const marks = { healthy: '✓', unhealthy: '✗', unreachable: '?', unknown: '-' } as const;

async function look(session: Session, adopt: boolean): Promise<readonly Seen[]> {
  const { parts, loaded } = session;
  const { traffic } = loaded.service;
  const store = await seen('database', 'store', async () => {
    const { active, epoch, openRun, openedBy } = await serviceState(session);
    const halt = await parts.store.halt();
    const notes = [
      openedBy === 'failover' ? 'opened by a failover' : '',
      openRun === null ? '' : `open: ${openRun}`,
      halt === null ? '' : `HALTED by ${halt.by}: ${halt.reason}`,
    ].filter(Boolean);
    return [`${active} is active in epoch ${epoch}`, ...notes].join('; ');
  });
  const dns = seen('traffic', `dns ${traffic.name}`, async () => {
    const found = await record(session, adopt);
    const { values, generation } = found;
    const note = ttlNote(found, ttlSecondsOf(loaded.service));
    return `${values.join(', ')} (${generation.region}, generation ${generation.number}${note === null ? '' : `; ${note}`})`;
  });
  const regions = parts.regions.flatMap(({ name, database, door, functions }) => [
    seen('database', `${name} database`, async () => {
      const { role, closed, streaming, version } = await database.status();
      const survey = role === 'primary' ? await database.survey?.() : undefined;
      const notes = [
        closedText(closed),
        streaming ? 'streaming' : '',
        ...(survey === undefined ? [] : surveyTexts(survey)),
      ].filter(Boolean);
      return [role, version ?? '', ...notes].filter(Boolean).join(', ');
    }),
    seen('traffic', `${name} door`, async () => {
      const { current, inFlight } = await door.status();
      return `${current.mode} in epoch ${current.epoch}, ${inFlight} in flight`;
    }),
    ...(functions === null
      ? []
      : [
          seen('functions', `${name} functions`, async () => {
            const { accountLimit, provisioned } = await functions.facts();
            return `limit ${accountLimit}, ${provisioned?.ready ?? 0} provisioned`;
          }),
        ]),
  ]);
  const gateways = parts.gateways.map((gateway) =>
    seen('webhooks', `${gateway.region} gateway`, async () => {
      const { current, backlog, deadLetters } = await gateway.status();
      return `${current.mode}, backlog ${backlog}, dead letters ${deadLetters}`;
    }),
  );
  const lines = await Promise.all([dns, ...regions, ...gateways]);
  return [
    store,
    ...lines,
    ...(await replication(session)),
    ...standing(session),
    people(session),
    ...(await measured(session)),
  ];
}

/** Failovers that would need a part of the control plane in the region that they leave (A6). */
function standing({ loaded: { service } }: Session): readonly Seen[] {
  return Object.keys(service.regions).flatMap((region) => {
    const parts = controlPlaneIn(service, region);
    if (parts.length === 0) return [];
    const said = `IN THE WAY of a failover from ${region}: ${parts.join(', ')}; a failover from there asks for --override control-plane-in-lost-region`;
    const part = `control plane in ${region}`;
    return [{ section: 'traffic', part, state: 'healthy', said, error: null }];
  });
}

/** Who is told, and whether a failover needs two. */
function people({ loaded: { service } }: Session): Seen {
  const { notify, approval, onCall } = service;
  const told = notify.webhooks.length + (notify.email?.to.length ?? 0);
  const said = [
    `on call: ${onCall.join(', ')}`,
    told === 0 ? 'nobody is sent notices' : `notices to ${told}`,
    `a failover is approved by ${approval.failover === 'two-people' ? 'two people' : 'one person'}`,
  ].join('; ');
  return { section: 'people', part: 'on call', state: 'healthy', said, error: null };
}

/** What a forecast stands on; what was never measured is unknown. */
async function measured(session: Session): Promise<readonly Seen[]> {
  const section = 'forecast';
  const known = (part: string, said: string, isKnown: boolean): Seen => ({
    ...{ section, part, said, error: null },
    state: isKnown ? 'healthy' : 'unknown',
  });
  try {
    const { clock, parts } = session;
    const [{ resolvers, unsurveyed, surveyAgeMs, weights }, connections, scores] =
      await Promise.all([
        resolverFacts(parts.evidence, clock),
        parts.evidence.list('connections', { limit: 1 }),
        calibrations(session),
      ]);
    const surveyed = resolvers.length - unsurveyed;
    const age =
      surveyAgeMs === null
        ? 'never: `throwover dns survey`'
        : `${surveyed} resolvers, newest ${formatMs(surveyAgeMs)} ago; ${unsurveyed} with clients and without one; weights ${weights}`;
    const [newest] = connections;
    const calibration = (['t50', 't90', 't99'] as const).map((name) =>
      calibrationText(`${name.slice(1)} %`, scores[name]),
    );
    return [
      known('survey', age, surveyAgeMs !== null),
      known(
        'connections',
        newest === undefined
          ? 'no front door was sampled: `throwover serve --service FILE`'
          : `${newest.open} open at ${newest.region}, ${formatMs(Math.max(0, clock.wallMs() - newest.atWallMs))} ago`,
        newest !== undefined,
      ),
      known('calibration', calibration.join('; '), scores.t90.count > 0),
    ];
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
    const said = `${error.code}: ${error.message}`;
    return [{ section, part: 'evidence', state: 'unreachable', said, error: error.toJSON() }];
  }
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
  const healthy = { section: 'database', state: 'healthy', error: null } as const;
  const lag = fromActive.map((report) => ({
    ...healthy,
    part: `lag ${report.from} to ${report.to}`,
    said: lagText(report),
  }));
  const none = {
    ...healthy,
    state: 'unknown',
    part: 'lag',
    said: 'not sampled: `throwover serve --service FILE`',
  } as const;
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
  const { writers, writersInAll, blindTables, blindTablesInAll, doorCannot } = survey;
  const list = (names: readonly string[], inAll: number) =>
    inAll > names.length
      ? `${names.join('; ')} and ${inAll - names.length} more`
      : names.join('; ');
  return [
    writersInAll === 0 ? '' : `WRITES PAST A FENCE: ${list(writers.map(writerText), writersInAll)}`,
    blindTablesInAll === 0
      ? ''
      : `without a replica identity, so lost updates and deletes cannot be listed: ${list(blindTables, blindTablesInAll)}`,
    doorCannot.length === 0 ? '' : `its door cannot do all: ${doorCannot.join('; ')}`,
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
async function seen(section: Section, part: string, read: () => Promise<string>): Promise<Seen> {
  try {
    return { section, part, state: 'healthy', said: await read(), error: null };
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
    const state =
      error.code.endsWith('-unreachable') || error.code === 'store-away'
        ? 'unreachable'
        : 'unhealthy';
    return { section, part, state, said: `${error.code}: ${error.message}`, error: error.toJSON() };
  }
}
