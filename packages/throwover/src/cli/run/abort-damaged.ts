import { isThrowoverError, noAnswer, within } from '../../kernel/kernel.ts';
import type { Ending, ServiceState } from '../../store/store.ts';
import { closedText } from '../check/check-database.ts';
import { owner, type Session } from '../session.ts';

/** Longest wait for each part, ms: an on-call engineer waits, and a region may be lost. */
const patienceMs = 10_000;

/** A damaged run after a person has ended it. */
export interface EndedDamaged {
  readonly ending: Ending;
  readonly active: string;
  /** What this command has done to open the active region, or why it could not. */
  readonly opening: string;
  /** What may be half-done, as the parts answer now. */
  readonly left: readonly string[];
}

/**
 * Ends a run that nobody can carry on or take back. Nobody knows from its journal what it has done,
 * so only what the guards can prove is taken back: if the other side gives up every promotion of
 * this run for good, the active side may be opened, and may get its lease again. The same command
 * again tries that again.
 */
export async function endDamaged(
  session: Session,
  { runId, by, reason }: { runId: string; by: string; reason: string },
): Promise<EndedDamaged> {
  const { store } = session.parts;
  const ending = await store.endDamaged({ runId, by: `${by} (${owner()})`, reason });
  const state = await store.service(ending.service);
  const opening = await opened(session, ending, state).catch((error) => {
    if (!isThrowoverError(error)) throw error;
    return `${state.active} was not opened: ${error.code}: ${error.message}`;
  });
  return { ending, active: state.active, opening, left: await left(session) };
}

async function opened(
  { parts, clock }: Session,
  { runId, service, token }: Ending,
  { active, openRun }: ServiceState,
): Promise<string> {
  if (openRun !== null) return `run ${openRun} is open now; what it finds closed is its own`;
  const from = parts.regions.find(({ name }) => name === active);
  const to = parts.regions.find(({ name }) => name !== active);
  if (from === undefined || to === undefined) return `${active} is the only region`;
  const command = { scope: { service, run: runId, from: from.name, to: to.name }, token };
  const answer = await within(clock, patienceMs, to.database.renounce(command));
  if (answer === noAnswer) {
    return `${active} was not opened: ${to.name}'s guard does not answer, and it may have been asked to promote`;
  }
  if (answer.kind === 'accepted') {
    return `${active} was not opened: ${to.name}'s guard has accepted a promotion for epoch ${answer.epoch}; it carries it to its end and tells the store`;
  }
  const proof = { kind: 'renounced', region: to.name, token: answer.token } as const;
  const opening = await within(clock, patienceMs, from.database.unfence({ ...command, proof }));
  await parts.store.restoreWriter({ service, runId, token });
  return opening === noAnswer
    ? `${active} may be closed: its guard does not answer. It asks ${to.name}'s guard by itself, unless the fence had no deadline`
    : `${to.name}'s guard has given up every promotion of this run, so ${active} was opened if a fence of it had closed it`;
}

async function left({ parts, clock }: Session): Promise<readonly string[]> {
  const said = async (part: string, ask: () => Promise<string>) => {
    try {
      const answer = await within(clock, patienceMs, ask());
      return answer === noAnswer ? `${part}: no answer` : answer && `${part}: ${answer}`;
    } catch (error) {
      if (!isThrowoverError(error)) throw error;
      return `${part}: ${error.code}: ${error.message}`;
    }
  };
  const found = await Promise.all([
    ...parts.regions.flatMap(({ name, database, door }) => [
      said(`${name} database`, async () => {
        const { role, closed } = await database.status();
        return closed === null ? '' : `${role}, ${closedText(closed)}`;
      }),
      said(`${name} door`, async () => {
        const { mode } = (await door.status()).current;
        return mode === 'hold' ? 'holds requests' : '';
      }),
    ]),
    ...parts.gateways.map((gateway) =>
      said(`${gateway.region} gateway`, async () => {
        const { mode } = (await gateway.status()).current;
        return mode === 'hold' ? 'holds webhooks' : '';
      }),
    ),
  ]);
  return found.filter(Boolean);
}

export function endedDamagedText({ ending, active, opening, left }: EndedDamaged): string {
  const { runId, service, by, damage } = ending;
  return [
    `${runId} of ${service} was ended by ${by}; it is "abandoned" in \`throwover runs\`.`,
    `It could not be read: ${damage}.`,
    'Its rows are kept in the store as they are. Later runs may begin.',
    `${active} is active. ${opening}.`,
    ...(left.length === 0
      ? ['Nothing is closed or held any more.']
      : ['May be half-done:', ...left.map((line) => `  ${line}`)]),
    'Next: `throwover check`. docs/cli.md, "A region that is closed to writes", says how a database opens.',
  ].join('\n');
}
