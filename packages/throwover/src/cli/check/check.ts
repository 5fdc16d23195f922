import { Option } from 'commander';
import {
  clusterText,
  type DatabaseStatus,
  type DatabaseSurvey,
} from '../../authority/authority.ts';
import { checkTimingOf } from '../../compose/compose.ts';
import { resolverFacts } from '../../evidence/evidence.ts';
import {
  formatMs,
  isThrowoverError,
  orNull,
  type ThrowoverError,
  wrap,
} from '../../kernel/kernel.ts';
import { controlPlaneIn } from '../../operations/operations.ts';
import { clusterError, verdictOfBoth, writerText } from '../../replication/replication.ts';
import { loadService, ttlSecondsOf } from '../../service/service.ts';
import type { Store } from '../../store/store.ts';
import { ttlNote } from '../../traffic/traffic.ts';
import { answer } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { cliErrors } from '../errors.ts';
import { calibrations } from '../evidence/forecast.ts';
import { calibrationText } from '../evidence/forecast-view.ts';
import { exitCodes } from '../exit-codes.ts';
import { endDamagedCommand } from '../run/run-list.ts';
import { type Session, serviceState } from '../session.ts';
import { durabilityText, lagText } from '../text/lag-text.ts';
import { certificatesSaid } from './check-certificates.ts';
import { closedText, databaseFaults, numbersAhead, strangeGuard } from './check-database.ts';
import { doorFaults, doorText } from './check-door.ts';

/** The sections of the board, in its order. */
const sections = [
  'database',
  'traffic',
  'functions',
  'webhooks',
  'access',
  'people',
  'forecast',
] as const;
type Section = (typeof sections)[number];

/**
 * The state of one part of the service, as it was seen. `unreachable` does not mean dead.
 * `unhealthy` means that the part answered and said what is wrong. `unknown` means that it was
 * never measured, which is shown but fails nothing.
 */
interface Seen {
  readonly section: Section;
  readonly part: string;
  readonly state: 'healthy' | 'unhealthy' | 'unreachable' | 'unknown';
  readonly said: string;
  readonly error: ReturnType<ThrowoverError['toJSON']> | null;
}

/**
 * Succeeds when the file is correct, every part answers, and no answer shows a fault that would keep
 * a switch from working. Registers a service that the store does not know yet. With `adopt`, adds
 * the first generation to a DNS record that has none. Errors: `parts-unhealthy`, `parts-away`.
 */
export const check = {
  ...answer({
    name: 'check',
    says: 'Check the configuration file and that every part of the service responds',
    takes: () => [
      new Option('--offline', 'Check the configuration file only'),
      new Option(
        '--adopt',
        'Mark a DNS record that throwover does not manage yet (writes its first generation)',
      ),
    ],
    look: async (session, { adopt = false }: { adopt?: boolean }): Promise<Board> => {
      const { service, path } = session.loaded;
      const { name, owner } = service;
      return { path, service: name, owner, parts: await look(session, adopt) };
    },
    text: boardText,
    json: ({ path, service, parts }) => ({ path, service, parts }),
    refusal: refusalOf,
  }),
  /** Checks the file alone. */
  offline: async ({ output }: Pick<CommandContext, 'output'>, file: string) => {
    const { path, service } = await loadService(file);
    checkTimingOf(service);
    const { name, owner } = service;
    output.result({ path, service: name, parts: [] }, headText({ path, service: name, owner }));
    return exitCodes.ok;
  },
};

interface Board {
  readonly path: string;
  readonly service: string;
  readonly owner: string;
  readonly parts: readonly Seen[];
}

/** Returns the error that the board amounts to; `null`: a switch would work. */
export function refusalOf({ path, service, parts }: Board): ThrowoverError | null {
  const away = parts.filter(({ state }) => state === 'unreachable');
  const unwell = parts.filter(({ state }) => state === 'unhealthy');
  const names = [...unwell, ...away].map(({ part }) => part).join(', ');
  const evidence = { path, service, parts };
  if (unwell.length > 0) {
    return cliErrors.make('parts-unhealthy', `not as they must be: ${names}`, evidence);
  }
  if (away.length > 0) return cliErrors.make('parts-away', `no answer from ${names}`, evidence);
  return null;
}

function headText({ path, service, owner }: Omit<Board, 'parts'>): string {
  return `${path}: valid (service ${service}, owner ${owner})`;
}

function boardText(board: Board): string {
  const { parts } = board;
  const width = Math.max(...parts.map(({ part }) => part.length));
  const lines = sections.flatMap((section) => {
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
  });
  return [headText(board), ...lines].join('\n');
}

const marks = { healthy: '✓', unhealthy: '✗', unreachable: '?', unknown: '-' } as const;

async function look(session: Session, adopt: boolean): Promise<readonly Seen[]> {
  const { parts, loaded } = session;
  const { traffic } = loaded.service;
  let active: string | null = null;
  const store = await seen('database', 'store', async () => {
    const state = await serviceState(session);
    active = state.active;
    const { epoch, openRun, openedBy } = state;
    const halt = await parts.store.halt();
    return {
      said: [
        `${active} is active in epoch ${epoch}`,
        ...(openedBy === 'failover' ? ['opened by a failover'] : []),
      ].join('; '),
      faults: [
        ...(openRun === null ? [] : [await openRunFault(parts.store, openRun)]),
        ...(halt === null
          ? []
          : [
              `HALTED by ${halt.by}: ${halt.reason}, so no run can begin; \`throwover halt --off\` ends that`,
            ]),
      ],
    };
  });
  const dns = seen('traffic', `dns ${traffic.name}`, async () => {
    const found = await record(session, adopt);
    const { values, generation } = found;
    const note = ttlNote(found, ttlSecondsOf(loaded.service));
    return `${values.join(', ')} (${generation.region}, generation ${generation.number}${note === null ? '' : `; ${note}`})`;
  });
  const regions = parts.regions.flatMap(({ name, database, door, functions }) => [
    seen('database', `${name} database`, async () => {
      const status = await database.status();
      const { role, closed, streaming, version } = status;
      const survey = role === 'primary' ? await database.survey() : undefined;
      const notes = [
        closedText(closed),
        doorText(status),
        streaming ? 'streaming' : '',
        ...(survey === undefined ? [] : surveyTexts(survey)),
      ].filter(Boolean);
      const said = [role, version ?? '', ...notes].filter(Boolean).join(', ');
      const peer = Object.keys(loaded.service.regions).find((other) => other !== name) ?? '';
      const strange = strangeGuard({ service: loaded.service.name, region: name, peer }, status);
      // A guard of another pair reports on another database, so its faults are left out.
      const lacks = (survey?.guardLacks ?? []).flatMap(({ says, mayStopRun }) =>
        mayStopRun ? [`THE GUARD LACKS ${says}`] : [],
      );
      const own = [
        ...databaseFaults(status, active),
        ...doorFaults(status),
        ...(await numberFaults(session, status)),
        ...lacks,
      ];
      return { said, faults: strange.length > 0 ? strange : own };
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
      return {
        said: `${current.mode}, backlog ${backlog}, dead letters ${deadLetters}`,
        faults: current.mode === 'hold' ? await heldByNobody(session) : [],
      };
    }),
  );
  const lines = await Promise.all([dns, ...regions, ...cluster(session), ...gateways]);
  return [
    store,
    ...lines,
    ...(await replication(session)),
    ...standing(session),
    ...(await certificates(session)),
    people(session),
    ...(await measured(session)),
  ];
}

/** A guard that has seen more than the store gives refuses every run. */
async function numberFaults(session: Session, status: DatabaseStatus): Promise<readonly string[]> {
  // Read after the status: a run that began in between is no fault.
  const state = await orNull(() => serviceState(session));
  return state === null ? [] : numbersAhead(status, state);
}

/** A run that is open, with the command that ends it; of a damaged one that is another. */
async function openRunFault(store: Pick<Store, 'run'>, runId: string): Promise<string> {
  try {
    await store.run(runId);
  } catch (error) {
    if (!isThrowoverError(error) || !error.answered) throw error;
    return `DAMAGED RUN OPEN: ${error.code}: ${error.message}; no other run can begin until a person ends it: ${endDamagedCommand(runId)}`;
  }
  return `RUN OPEN: ${runId}, so no other run can begin; carry it on with \`throwover resume ${runId}\` or take it back with \`throwover abort ${runId} --reason TEXT\``;
}

/** The gateway holds: the run that told it so may be gone with the store that kept it. */
async function heldByNobody(session: Session): Promise<readonly string[]> {
  const state = await orNull(() => serviceState(session));
  return state === null || state.openRun !== null
    ? []
    : [
        'HOLDS WEBHOOKS, and no run is open that would deliver them; docs/cli.md, "A gateway that holds without a run"',
      ];
}

/**
 * Checks that both databases are of one cluster. Fails while that is unknown: a failover would ask
 * for an override.
 */
function cluster({ parts }: Session): readonly Promise<Seen>[] {
  if (parts.regions.length < 2) return [];
  const look = async () => {
    const asked = await Promise.allSettled(parts.regions.map(({ database }) => database.status()));
    const answers = asked.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
    const [first] = answers;
    // Each database that does not answer has its own line.
    if (first === undefined) return 'no database answers';
    const next = answers.find(({ role }) => role === 'standby') ?? first;
    const old = answers.find((one) => one !== next) ?? null;
    const verdict = verdictOfBoth(old, next);
    if (verdict.is !== 'same') throw clusterError(verdict, next.region);
    return clusterText(next.region, verdict);
  };
  return [seen('database', 'cluster', look)];
}

/**
 * Returns the failovers that would need a part of the control plane in the region that they leave
 * (A6).
 */
function standing({ loaded: { service } }: Session): readonly Seen[] {
  return Object.keys(service.regions).flatMap((region) => {
    const parts = controlPlaneIn(service, region);
    if (parts.length === 0) return [];
    const said = `IN THE WAY of a failover from ${region}: ${parts.join(', ')}; a failover from there asks for --override control-plane-in-lost-region`;
    const part = `control plane in ${region}`;
    return [{ section: 'traffic', part, state: 'healthy', said, error: null }];
  });
}

/** After every machine has been asked, and has shown its certificate. */
async function certificates(session: Session): Promise<readonly Seen[]> {
  const said = certificatesSaid(session);
  return said === null ? [] : [await seen('access', 'certificates', async () => said)];
}

/** Shows who receives notices, and whether a failover needs two people. */
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

/** Shows the measurements that a forecast uses; those that were never made are unknown. */
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

/** Shows the sampled replication lag, and what the declared durability costs or would cost. */
async function replication(session: Session): Promise<readonly Seen[]> {
  const { database, regions } = session.loaded.service;
  const { store } = session.parts;
  const state = await orNull(() => store.service(session.loaded.service.name));
  const reports = (await orNull(() => session.parts.lag.reports())) ?? [];
  const fromActive = reports.filter(({ from }) => from === state?.active);
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

/**
 * Returns what a fence would not stop and what a ledger of losses could not read; empty when there
 * is nothing.
 */
function surveyTexts(survey: DatabaseSurvey): readonly string[] {
  const {
    writers,
    writersInAll,
    blindTables,
    blindTablesInAll,
    doorCannot,
    guardLacks,
    leaseLeavesOut,
  } = survey;
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
    ...guardLacks.flatMap(({ says, mayStopRun }) =>
      mayStopRun ? [] : [`its guard lacks ${says}`],
    ),
    leaseLeavesOut.length === 0
      ? ''
      : `the lease does not stop at once: ${leaseLeavesOut.join('; ')}`,
  ];
}

/**
 * Reads the record with its generation. Adopting writes the generation for the region that the
 * store says is active.
 */
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

/** The answer of a part. `faults`: what would keep a switch from working, each with its remedy. */
type Said = string | { readonly said: string; readonly faults: readonly string[] };

/**
 * Turns an answer into a state: no answer is `unreachable`; a reported error or a fault is
 * `unhealthy`.
 */
async function seen(section: Section, part: string, read: () => Promise<Said>): Promise<Seen> {
  try {
    const answer = await read();
    const { said, faults } = typeof answer === 'string' ? { said: answer, faults: [] } : answer;
    const state = faults.length === 0 ? 'healthy' : 'unhealthy';
    return { section, part, state, said: [said, ...faults].join('; '), error: null };
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
    const state = error.answered ? 'unhealthy' : 'unreachable';
    return { section, part, state, said: `${error.code}: ${error.message}`, error: error.toJSON() };
  }
}
