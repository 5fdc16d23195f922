import { bytesOf, type Position, timelineOf } from '@throwover/client';
import { assertNever } from '../../kernel/kernel.ts';
import type {
  Closed,
  FenceProof,
  GuardMemory,
  KnownEpoch,
  OpeningProof,
  PeerWord,
} from '../messages.ts';
import { expiryOf } from '../timing.ts';
import { type DoorVerdict, mostRestorations } from './closure.ts';
import type { DatabaseLook } from './ports.ts';
import { begun } from './side.ts';

/** Decisions of a guard as pure functions of what it knows: each answer carries its reason. */

export type Verdict = { readonly ok: true } | { readonly ok: false; readonly why: string };

const yes: Verdict = { ok: true };
const no = (why: string): Verdict => ({ ok: false, why });

/**
 * Decides whether this proof allows a promotion without a second writer (rule A1 of
 * docs/architecture.md). Promises are checked elsewhere. `of`: what was judged, the proof itself or
 * the position that this side has received.
 */
export function proofHolds(facts: {
  readonly proof: FenceProof;
  readonly token: number;
  readonly epoch: number;
  /** The other region of this guard's pair. */
  readonly peer: string | null;
  /**
   * The peer's guard has confirmed this guard as its peer, so only this guard's promises extend the
   * peer's lease.
   */
  readonly paired: boolean;
  readonly strict: boolean;
  readonly received: Position | null;
  /**
   * Writes may be missing, so a fence proof is valid even if this side does not have all writes
   * before the fence.
   */
  readonly lossy: boolean;
  /**
   * Upper bound on how much slower the old writer's clock may run, from this guard's own timing.
   */
  readonly driftBound: number;
}): { readonly verdict: Verdict; readonly of: 'proof' | 'position' } {
  const { proof, token, epoch, peer, paired, strict, received, lossy, driftBound } = facts;
  const about = (verdict: Verdict, of: 'proof' | 'position' = 'proof') => ({ verdict, of });
  switch (proof.kind) {
    case 'confirmed':
      if (proof.region !== peer) return about(no(ofAnother(proof.region, peer)));
      if (proof.token !== token) {
        return about(
          no(`the fence was token ${proof.token}'s, not ${token}'s: it may have opened since`),
        );
      }
      return lossy ? about(yes) : about(covered(received, proof.position), 'position');
    case 'expired':
      if (!strict) return about(no('the end of a lease proves nothing: the writer is not strict'));
      if (proof.region !== peer) return about(no(ofAnother(proof.region, peer)));
      if (!paired) {
        return about(
          no(
            `${peer}'s guard has not said that it works with this side: another one may have extended its lease`,
          ),
        );
      }
      if (proof.token !== token)
        return about(no(`the proof is token ${proof.token}'s, not ${token}'s`));
      if (proof.epoch !== epoch - 1) {
        return about(no(`the lease was epoch ${proof.epoch}'s, and this promotion opens ${epoch}`));
      }
      if (proof.driftBound < driftBound) {
        return about(
          no(`it counts with a drift of ${proof.driftBound}, and ${driftBound} is possible`),
        );
      }
      if (proof.waitedMs < expiryOf(proof.leaseMs, proof.driftBound)) {
        return about(
          no(`${proof.waitedMs} ms is less than a lease of ${proof.leaseMs} ms may last`),
        );
      }
      return about(yes);
    case 'overridden':
      return about(yes);
  }
}

function ofAnother(region: string, peer: string | null): string {
  return `the proof is about ${region}, and this guard works with ${peer}`;
}

/** A2: this side has everything up to the fence's position, on the timeline of the fence. */
function covered(received: Position | null, position: Position): Verdict {
  if (received === null) return no('what it has received is not known');
  const complete =
    timelineOf(received) === timelineOf(position) && bytesOf(received) >= bytesOf(position);
  return complete ? yes : no(`it has received ${received} and not all up to ${position}`);
}

/**
 * The decision of a guard that is told to open its database. `leave`: the database stays closed,
 * because it was closed at its start and not by a fence. Then only store or peer can confirm that
 * this region is active; a proof of a run cannot.
 */
export type Opening =
  | { readonly do: 'open' }
  | { readonly do: 'leave' }
  | {
      readonly do: 'refuse';
      readonly code: 'proof-not-accepted' | 'must-stay-closed';
      readonly why: string;
    };

/**
 * Decides whether a closed database is opened with this proof. No proof opens a side that another
 * region has succeeded.
 */
export function decideOpening(facts: {
  readonly region: string;
  /** Newest epoch that was opened on this database. */
  readonly own: number;
  readonly closed: Closed;
  readonly known: KnownEpoch;
  readonly proof: OpeningProof;
  readonly token: number;
  readonly peer: string | null;
}): Opening {
  const { closed, known, proof } = facts;
  if (succeeded(facts)) {
    const why = `${known.active} is active in epoch ${known.epoch}`;
    return { do: 'refuse', code: 'must-stay-closed', why };
  }
  if (proof.kind === 'overridden') return { do: 'open' };
  switch (closed.by) {
    case 'start':
      return { do: 'leave' };
    case 'fence': {
      const verdict = provesNoPromotion(facts, closed.token);
      return verdict.ok
        ? { do: 'open' }
        : { do: 'refuse', code: 'proof-not-accepted', why: verdict.why };
    }
    case 'newer-epoch':
    case 'promotion':
      return {
        do: 'refuse',
        code: 'must-stay-closed',
        why: `it is closed by ${closed.by}, not by a fence`,
      };
    default:
      return assertNever(closed);
  }
}

function provesNoPromotion(
  {
    proof,
    token,
    peer,
  }: { readonly proof: OpeningProof; readonly token: number; readonly peer: string | null },
  fencedBy: number,
): Verdict {
  switch (proof.kind) {
    case 'overridden':
      return yes;
    case 'never-asked':
      return proof.token === token
        ? yes
        : no(`the proof is token ${proof.token}'s, not ${token}'s`);
    case 'renounced':
      if (proof.region !== peer) return no(ofAnother(proof.region, peer));
      return proof.token >= fencedBy
        ? yes
        : no(`${proof.region} renounced token ${proof.token}, and the fence is ${fencedBy}'s`);
  }
}

/** Another region is active in an epoch that is newer than any epoch of this database. */
function succeeded(facts: {
  readonly region: string;
  readonly own: number;
  readonly known: KnownEpoch;
}): boolean {
  const { active, epoch } = facts.known;
  return active !== null && active !== facts.region && epoch > facts.own;
}

/** The facts that a guard sees in one round of watching. */
export interface Watch {
  readonly region: string;
  readonly look: DatabaseLook;
  readonly memory: GuardMemory;
  /** The answer of the store in this round; `null` if there was none. */
  readonly witness: KnownEpoch | null;
  readonly peer: PeerWord | null;
  /** Neither store nor peer is configured: the guard cannot ask. */
  readonly alone: boolean;
  /** The last time the database was opened or closed to the application, that did not finish. */
  readonly doorUnsure: boolean;
  /**
   * The server compared with what is written down; `null` if no server runs, or if this side cannot
   * be closed on its own.
   */
  readonly door: DoorVerdict | null;
  /** How often the guard restored the door in the last 10 minutes. */
  readonly restored: number;
}

export type WatchAction =
  | { readonly do: 'nothing' }
  | { readonly do: 'start-closed' }
  | { readonly do: 'adopt'; readonly epoch: number }
  | { readonly do: 'finish-promotion' }
  | { readonly do: 'close'; readonly epoch: number; readonly active: string }
  | { readonly do: 'open'; readonly why: string }
  | { readonly do: 'settle-door' }
  | { readonly do: 'close-again'; readonly why: readonly string[] }
  | { readonly do: 'open-again'; readonly why: readonly string[] }
  | { readonly do: 'try-door' }
  | { readonly do: 'stop-old-primary'; readonly active: string }
  | { readonly do: 'remember-followed'; readonly timeline: number };

const nothing: WatchAction = { do: 'nothing' };

/**
 * Returns the action for this round. `memory.known` already contains the answers of store and peer.
 */
export function decideWatch(watch: Watch): WatchAction {
  const { look, memory } = watch;
  if (look.role === 'stopped') return memory.stopped ? nothing : { do: 'start-closed' };
  if (look.role === 'standby') return standbyAction(watch);
  if (begun(memory)) return { do: 'finish-promotion' };
  const byHand = epochOfHand(watch);
  if (byHand !== null) return mayAdopt(watch) ? { do: 'adopt', epoch: byHand } : settled(watch);
  const { known, closed } = memory;
  const { epoch, active } = known;
  if (succeeded({ region: watch.region, own: ownEpoch(watch), known }) && active !== null) {
    if (closed?.by !== 'newer-epoch') return { do: 'close', epoch, active };
    // Another program manages the file or the role and lets writers in as often as this guard
    // closes it. The active region is known and is another one, so this side does not have to run.
    return watch.restored >= mostRestorations ? { do: 'stop-old-primary', active } : settled(watch);
  }
  if (closed?.by !== 'start') return settled(watch);
  const why = vouchedFor(watch);
  return why === null ? settled(watch) : { do: 'open', why };
}

/** Brings the server to the state that is written down, if it differs. */
function settled({ doorUnsure, door, memory }: Watch): WatchAction {
  if (door?.is === 'broken') {
    return { do: memory.closed === null ? 'open-again' : 'close-again', why: door.why };
  }
  if (doorUnsure) return { do: 'settle-door' };
  return door?.is === 'to-be-tried' ? { do: 'try-door' } : nothing;
}

function standbyAction(watch: Watch): WatchAction {
  const { look, memory } = watch;
  if (begun(memory)) return { do: 'finish-promotion' };
  // This also covers a lost reply: a standby that did attach must not stay down after its next
  // crash.
  const streams = look.streaming && hasReceived(watch);
  if (streams && (memory.closed !== null || memory.stopped)) {
    return { do: 'open', why: 'it follows' };
  }
  const { timeline } = look;
  return timeline !== null && memory.followed !== timeline && streams
    ? { do: 'remember-followed', timeline }
    : settled(watch);
}

/**
 * Whether this standby has received the row of the newest known promotion. Before that, streaming
 * proves nothing: it may receive log from before the switch, while its own log goes on past it.
 */
function hasReceived({ region, look, memory }: Watch): boolean {
  const { epoch, active } = memory.known;
  if (active === null || active === region || epoch <= 1) return true;
  return look.promotions.some((promotion) => promotion.epoch >= epoch);
}

/**
 * The epoch in which a promotion by hand is adopted; `null` if there was none. Signs of one: the
 * database is out of recovery, on a newer timeline than the one that it followed, and this guard
 * did not promote it.
 */
function epochOfHand(watch: Watch): number | null {
  const { region, look, memory } = watch;
  const { followed } = memory;
  const { timeline } = look;
  if (followed === null || timeline === null || timeline <= followed) return null;
  const row = look.promotions.find((promotion) => promotion.timeline === timeline);
  if (row === undefined) return newestEpoch(watch) + 1;
  // Finish an adoption that wrote its row and did not end, unless another region has succeeded this
  // side since.
  return row.region === region && row.epoch > memory.known.epoch ? row.epoch : null;
}

/**
 * Whether a promotion by hand may be adopted now. One that happened before the database was down is no decision of this
 * moment: people may have gone on in the other region since. So it waits until store or peer answer, like any other
 * database that was started.
 */
function mayAdopt({ look, memory: { closed }, witness, peer, alone }: Watch): boolean {
  if (closed?.by !== 'start' || look.promotedSinceStart) return true;
  return alone || witness !== null || peer !== null;
}

/** Newest epoch that was opened on this database; 1 if it was never promoted. */
export function ownEpoch({ region, look }: Pick<Watch, 'region' | 'look'>): number {
  const own = look.promotions.find((promotion) => promotion.region === region);
  return own?.epoch ?? 1;
}

function newestEpoch({ look, memory, witness, peer }: Watch): number {
  return Math.max(
    1,
    memory.known.epoch,
    witness?.epoch ?? 0,
    peer?.known.epoch ?? 0,
    ...look.promotions.map(({ epoch }) => epoch),
  );
}

/**
 * The reason, for people, to believe that this side is the active one; `null` if there is none, or
 * if store or peer contradict it.
 */
function vouchedFor(watch: Watch): string | null {
  const { region, witness, peer, memory, look, alone } = watch;
  if (alone) return 'neither a store nor another guard is configured';
  if (peer !== null && begun(peer)) return null;
  if (memory.known.active !== null && memory.known.active !== region) return null;
  const recorded = look.promotions[0]?.epoch ?? null;
  if (peer?.role === 'primary') {
    // An old primary that knows this side's epoch keeps itself closed. Its answer is as good as the
    // store's, which may not know of a promotion by hand yet.
    const { epoch, active } = peer.known;
    const yields = recorded !== null && active === region && epoch === recorded;
    return yields ? `${peer.region}'s guard says that ${region} is active` : null;
  }
  if (witness !== null && witness.active === region) {
    // The store and the database name the same epoch, or the database was never promoted.
    if (recorded === null || recorded === witness.epoch)
      return `the store says that ${region} is active`;
  }
  const peerFollows = peer?.role === 'standby' && peer.known.epoch <= memory.known.epoch;
  return peerFollows ? `${peer.region}'s guard says that its side is a standby` : null;
}
