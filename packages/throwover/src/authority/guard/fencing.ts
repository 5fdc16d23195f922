import { assertNever } from '../../kernel/kernel.ts';
import { authorityErrors } from '../errors.ts';
import type { ConfirmedFence, OpeningProof, RunCommand } from '../messages.ts';
import { decideOpening, ownEpoch } from './decide.ts';
import type { Inside } from './inside.ts';
import { seen } from './memory.ts';

/** Closes the writer for a run, and opens it again if the other side was not promoted. */
export class Fencing {
  readonly #inside: Inside;
  /** Counted on this process's monotonic clock: after a restart the whole deadline counts again. */
  #deadline: { readonly token: number; readonly atMs: number } | null = null;

  constructor(inside: Inside) {
    this.#inside = inside;
  }

  /**
   * Closes the database. Runs in its turn. The closure is on disk first, so that a restart keeps
   * it.
   */
  async fence(
    command: RunCommand & { openTransactionsMs: number; deadlineMs: number | null },
  ): Promise<ConfirmedFence> {
    const { region, database, door, memory, clock } = this.#inside;
    const { token, openTransactionsMs, deadlineMs } = command;
    const begunMs = clock.monotonicMs();
    memory.mustAdmit(memory.current, command);
    const { role } = await database.look();
    if (role !== 'primary') {
      throw authorityErrors.make(
        'nothing-to-fence',
        `${region}'s database is ${role}: there is no writer to fence`,
        { role },
      );
    }
    await memory.change((now) => {
      memory.mustAdmit(now, command);
      memory.mustNotBeRenounced(now, token);
      // A database that a newer epoch has closed stays so: a fence that is taken back must not open
      // it.
      if (now.closed?.by === 'newer-epoch') return { part: seen(command), answer: undefined };
      const { run } = command.scope;
      const closed = { by: 'fence', run, token, deadlineMs, position: null } as const;
      return { part: { ...seen(command), closed }, answer: undefined, on: 'fence' };
    });
    if (this.#deadline?.token !== token && deadlineMs !== null) {
      this.#deadline = { token, atMs: begunMs + deadlineMs };
    }
    const position = await door.close({ openTransactionsMs });
    if (position === null) {
      throw authorityErrors.make('nothing-to-fence', `${region}'s database has become a standby`);
    }
    // Stored only for `status`; the proof is in the answer. The caller does not wait for this
    // write, because no region takes writes meanwhile.
    void memory
      .change((now) => ({
        part: now.closed?.by === 'fence' ? { closed: { ...now.closed, position } } : null,
        answer: undefined,
      }))
      .catch(() => {});
    return { kind: 'confirmed', region, position, token };
  }

  /**
   * Takes the fence back. Runs in its turn. The fence is removed from disk before the door is
   * opened. Without a fence nothing changes: a refusal would leave the run open.
   */
  async unfence({ token, proof }: { token: number; proof: OpeningProof }): Promise<void> {
    const { region, database, door, memory, peer } = this.#inside;
    const own = ownEpoch({ region, look: await database.look() });
    const left = await memory.change((now) => {
      const { closed, known } = now;
      if (closed === null) return { part: null, answer: false };
      const opening = decideOpening({
        ...{ region, own, closed, known, proof, token },
        peer: peer?.region ?? null,
      });
      switch (opening.do) {
        case 'open':
          return { part: opened(closed, now.renounced), answer: false, on: 'unfence' };
        case 'leave':
          return { part: null, answer: true };
        case 'refuse':
          throw authorityErrors.make(opening.code, `${region} stays closed: ${opening.why}`, {
            ...{ closed, known, proof },
          });
        default:
          return assertNever(opening);
      }
    });
    if (left) return;
    this.#deadline = null;
    await door.open();
  }

  /**
   * One round: when the deadline has passed, asks the other guard to renounce the token, and opens
   * the door only after that.
   */
  async watchDeadline(): Promise<void> {
    const { clock, memory, peer, effects, onEvent } = this.#inside;
    const { closed } = memory.current;
    if (closed?.by !== 'fence' || closed.deadlineMs === null) return;
    const { run, token } = closed;
    if (this.#deadline?.token !== token) {
      this.#deadline = { token, atMs: clock.monotonicMs() + closed.deadlineMs };
    }
    if (clock.monotonicMs() < this.#deadline.atMs || peer === null) return;
    const answer = await peer.renounce({ run, token });
    if (answer.kind === 'accepted') {
      await memory.learn({ epoch: answer.epoch, active: peer.region });
      onEvent({ type: 'fence-deadline-passed', token, reopened: false });
      return;
    }
    await effects.take(async () => {
      // A command may have come in between: a fence of a newer token, or an opening.
      if (memory.current.closed?.by !== 'fence' || memory.current.closed.token !== token) return;
      const proof = { kind: 'renounced', region: peer.region, token: answer.token } as const;
      await this.unfence({ token, proof });
      onEvent({ type: 'fence-deadline-passed', token, reopened: true });
    });
  }

  /** Time until a fence opens by itself, ms; `null` if there is no fence. */
  deadlineInMs(): number | null {
    const { clock } = this.#inside;
    return this.#deadline === null ? null : Math.max(0, this.#deadline.atMs - clock.monotonicMs());
  }
}

/** A late copy of the fence command must not close the door again, so its token is renounced. */
function opened(closed: { by: string; token?: number }, renounced: number) {
  const token = closed.by === 'fence' ? (closed.token ?? 0) : 0;
  return { closed: null, reopened: null, renounced: Math.max(renounced, token) };
}
