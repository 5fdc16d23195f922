import { authorityErrors } from '../errors.ts';
import type { ConfirmedFence, OpeningProof } from '../fence-proof.ts';
import { openingHolds, ownEpoch } from './decide.ts';
import type { Inside } from './inside.ts';

/** Closes the writer for a run, and opens it again when nobody was promoted. */
export class Fencing {
  readonly #inside: Inside;
  /** By this process's monotonic clock: after a restart the whole deadline counts again. */
  #deadline: { readonly token: number; readonly atMs: number } | null = null;

  constructor(inside: Inside) {
    this.#inside = inside;
  }

  /** Runs in its turn. What is closed is on disk first, so that a restart keeps it closed. */
  async fence(command: {
    token: number;
    openTransactionsMs: number;
    deadlineMs: number | null;
  }): Promise<ConfirmedFence> {
    const { region, database, door, memory, clock } = this.#inside;
    const { token, openTransactionsMs, deadlineMs } = command;
    const begunMs = clock.monotonicMs();
    memory.mustAdmit(memory.current, token);
    const { role } = await database.look();
    if (role !== 'primary') {
      throw authorityErrors.make(
        'nothing-to-fence',
        `${region}'s database is ${role}: there is no writer to fence`,
        { role },
      );
    }
    await memory.change((now) => {
      memory.mustAdmit(now, token);
      memory.mustNotBeRenounced(now, token);
      // Closed for good stays so: a fence that is taken back must not open it.
      if (now.closed?.by === 'newer-epoch') return { part: { token }, answer: undefined };
      const closed = { by: 'fence', token, deadlineMs, position: null } as const;
      return { part: { token, closed }, answer: undefined };
    });
    if (this.#deadline?.token !== token && deadlineMs !== null) {
      this.#deadline = { token, atMs: begunMs + deadlineMs };
    }
    const position = await door.close({ openTransactionsMs });
    if (position === null) {
      throw authorityErrors.make('nothing-to-fence', `${region}'s database has become a standby`);
    }
    // For whoever looks; the proof is the answer, and nobody waits for this while nobody can write.
    void memory
      .change((now) => ({
        part: now.closed?.by === 'fence' ? { closed: { ...now.closed, position } } : null,
        answer: undefined,
      }))
      .catch(() => {});
    return { kind: 'confirmed', region, position, token };
  }

  /** Runs in its turn. What the fence proved is forgotten on disk before the door is opened. */
  async unfence({ token, proof }: { token: number; proof: OpeningProof }): Promise<void> {
    const { region, database, door, memory } = this.#inside;
    const own = ownEpoch({ region, look: await database.look() });
    await memory.change((now) => {
      const { closed, known } = now;
      if (closed === null) return { part: null, answer: undefined };
      const { verdict, of } = openingHolds({ region, own, closed, known, proof, token });
      if (!verdict.ok) {
        throw authorityErrors.make(
          of === 'proof' ? 'proof-not-accepted' : 'must-stay-closed',
          `${region} stays closed: ${verdict.why}`,
          { closed, known, proof },
        );
      }
      return { part: opened(closed, now.renounced), answer: undefined };
    });
    this.#deadline = null;
    await door.open();
  }

  /** One round: when the deadline has passed, the other guard is asked to give up on the token, and only then the door opens. */
  async watchDeadline(): Promise<void> {
    const { clock, memory, peer, effects, onEvent } = this.#inside;
    const { closed } = memory.current;
    if (closed?.by !== 'fence' || closed.deadlineMs === null) return;
    const { token } = closed;
    if (this.#deadline?.token !== token) {
      this.#deadline = { token, atMs: clock.monotonicMs() + closed.deadlineMs };
    }
    if (clock.monotonicMs() < this.#deadline.atMs || peer === null) return;
    const answer = await peer.renounce(token);
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

  /** When a fence opens by itself, ms from now; `null`: none stands. */
  deadlineInMs(): number | null {
    const { clock } = this.#inside;
    return this.#deadline === null ? null : Math.max(0, this.#deadline.atMs - clock.monotonicMs());
  }
}

/** A late copy of the fence's own message must not close the door again. */
function opened(closed: { by: string; token?: number }, renounced: number) {
  const token = closed.by === 'fence' ? (closed.token ?? 0) : 0;
  return { closed: null, renounced: Math.max(renounced, token) };
}
