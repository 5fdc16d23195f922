import { isThrowoverError, type ThrowoverError } from '../kernel/kernel.ts';
import { cliErrors } from './errors.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { clip, maxColumns } from './progress-view.ts';
import type { CommandContext } from './run-commands.ts';
import { type Session, serviceState } from './session.ts';

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
      clip(`${marks[state]} ${part.padEnd(width)} ${state.padEnd(11)} ${said}`, maxColumns),
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
    const { active, epoch, openRun } = await serviceState(session);
    return `${active} is active in epoch ${epoch}${openRun === null ? '' : `; open: ${openRun}`}`;
  });
  const dns = seen(`dns ${traffic.name}`, async () => {
    const { values, generation } = await record(session, adopt);
    return `${values.join(', ')} (${generation.region}, generation ${generation.number})`;
  });
  const regions = parts.regions.flatMap(({ name, database, door, functions }) => [
    seen(`${name} database`, async () => {
      const { role, fenced, streaming, version } = await database.status();
      const notes = [fenced ? 'fenced' : '', streaming ? 'streaming' : ''].filter(Boolean);
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
  return [store, ...(await Promise.all([dns, ...regions, ...gateways]))];
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
