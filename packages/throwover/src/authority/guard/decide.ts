import { bytesOf, type Position, timelineOf } from '@throwover/client';
import type { Closed, KnownEpoch } from '../database-side.ts';
import type { FenceProof, OpeningProof } from '../fence-proof.ts';
import { expiryOf } from '../timing.ts';
import type { DatabaseLook, GuardMemory, PeerWord } from './ports.ts';

/** Decisions of a guard as pure functions of what it knows: each answer carries its reason. */

export type Verdict = { readonly ok: true } | { readonly ok: false; readonly why: string };

const yes: Verdict = { ok: true };
const no = (why: string): Verdict => ({ ok: false, why });

/** Whether a promotion with this proof keeps to one writer (A1), apart from promises. */
export function proofHolds(facts: {
  readonly proof: FenceProof;
  readonly token: number;
  readonly epoch: number;
  readonly region: string;
  readonly strict: boolean;
  readonly received: Position | null;
  /** Writes may be missing: then a fence without all of its writes is still a fence. */
  readonly lossy: boolean;
  /** How much slower the old writer may have counted, by this guard's own timing. */
  readonly driftBound: number;
}): { readonly verdict: Verdict; readonly of: 'proof' | 'position' } {
  const { proof, token, epoch, region, strict, received, lossy, driftBound } = facts;
  const about = (verdict: Verdict, of: 'proof' | 'position' = 'proof') => ({ verdict, of });
  switch (proof.kind) {
    case 'confirmed':
      if (proof.region === region) return about(no('the proof is of this side'));
      if (proof.token !== token) {
        return about(
          no(`the fence was token ${proof.token}'s, not ${token}'s: it may have opened since`),
        );
      }
      return lossy ? about(yes) : about(covered(received, proof.position), 'position');
    case 'expired':
      if (!strict) return about(no('the end of a lease proves nothing: the writer is not strict'));
      if (proof.region === region) return about(no('the proof is of this side'));
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

/** A2: everything up to the fence's position is on this side, in the history that the fence was in. */
function covered(received: Position | null, position: Position): Verdict {
  if (received === null) return no('what it has received is not known');
  const complete =
    timelineOf(received) === timelineOf(position) && bytesOf(received) >= bytesOf(position);
  return complete ? yes : no(`it has received ${received} and not all up to ${position}`);
}

/** Whether a closed database may be opened with this proof. No proof opens a side that another one has succeeded. */
export function openingHolds(facts: {
  readonly region: string;
  /** Newest epoch that this database itself opened. */
  readonly own: number;
  readonly closed: Closed;
  readonly known: KnownEpoch;
  readonly proof: OpeningProof;
  readonly token: number;
}): { readonly verdict: Verdict; readonly of: 'proof' | 'state' } {
  const { closed, known, proof } = facts;
  if (succeeded(facts)) {
    return { verdict: no(`${known.active} is active in epoch ${known.epoch}`), of: 'state' };
  }
  if (proof.kind === 'overridden') return { verdict: yes, of: 'proof' };
  if (closed.by === 'fence')
    return { verdict: provesNoPromotion(facts, closed.token), of: 'proof' };
  return { verdict: no(`it is closed by ${closed.by}, not by a fence`), of: 'state' };
}

function provesNoPromotion(
  { proof, token }: { readonly proof: OpeningProof; readonly token: number },
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
      return proof.token >= fencedBy
        ? yes
        : no(`${proof.region} renounced token ${proof.token}, and the fence is ${fencedBy}'s`);
  }
}

/** Another region is active in an epoch that is newer than any that this database opened. */
function succeeded(facts: {
  readonly region: string;
  readonly own: number;
  readonly known: KnownEpoch;
}): boolean {
  const { active, epoch } = facts.known;
  return active !== null && active !== facts.region && epoch > facts.own;
}

/** What a guard sees in one round of watching. */
export interface Watch {
  readonly region: string;
  readonly look: DatabaseLook;
  readonly memory: GuardMemory;
  /** What the store said in this round; `null`: no answer. */
  readonly witness: KnownEpoch | null;
  readonly peer: PeerWord | null;
  /** Neither store nor peer is configured: there is nobody to ask. */
  readonly alone: boolean;
  /** An open or a close did not end. */
  readonly doorUnsure: boolean;
}

export type WatchAction =
  | { readonly do: 'nothing' }
  | { readonly do: 'start-closed' }
  | { readonly do: 'adopt'; readonly epoch: number }
  | { readonly do: 'finish-promotion' }
  | { readonly do: 'close'; readonly epoch: number; readonly active: string }
  | { readonly do: 'open'; readonly why: string }
  | { readonly do: 'settle-door' }
  | { readonly do: 'remember-followed'; readonly timeline: number };

const nothing: WatchAction = { do: 'nothing' };

/** What the round calls for. `memory.known` has already learnt what store and peer said. */
export function decideWatch(watch: Watch): WatchAction {
  const { look, memory } = watch;
  if (look.role === 'stopped') return memory.stopped ? nothing : { do: 'start-closed' };
  if (look.role === 'standby') return standbyAction(watch);
  if (begun(memory)) return { do: 'finish-promotion' };
  const byHand = epochOfHand(watch);
  if (byHand !== null) return { do: 'adopt', epoch: byHand };
  const { known, closed } = memory;
  const { epoch, active } = known;
  if (succeeded({ region: watch.region, own: ownEpoch(watch), known }) && active !== null) {
    return closed?.by === 'newer-epoch' ? settled(watch) : { do: 'close', epoch, active };
  }
  if (closed?.by !== 'start') return settled(watch);
  const why = vouchedFor(watch);
  return why === null ? settled(watch) : { do: 'open', why };
}

function settled({ doorUnsure }: Watch): WatchAction {
  return doorUnsure ? { do: 'settle-door' } : nothing;
}

function standbyAction(watch: Watch): WatchAction {
  const { look, memory } = watch;
  if (begun(memory)) return { do: 'finish-promotion' };
  // Also when whoever attached it did not hear that it did: it is not to stay down after its next crash.
  if (look.streaming && (memory.closed !== null || memory.stopped)) {
    return { do: 'open', why: 'it follows' };
  }
  const { timeline } = look;
  return timeline !== null && memory.followed !== timeline && look.streaming
    ? { do: 'remember-followed', timeline }
    : settled(watch);
}

/** A promotion was accepted and has not ended: the run can only go forward, also when nobody carries it on. */
export function begun({ accepted, known }: Pick<GuardMemory, 'accepted' | 'known'>): boolean {
  return accepted !== null && accepted.epoch > known.epoch;
}

/**
 * The epoch in which a person's promotion is adopted; `null`: there was none. It is out of recovery, on a
 * newer timeline than the one that it followed, and nobody here began that.
 */
function epochOfHand(watch: Watch): number | null {
  const { region, look, memory } = watch;
  const { followed } = memory;
  const { timeline } = look;
  if (followed === null || timeline === null || timeline <= followed) return null;
  const row = look.promotions.find((promotion) => promotion.timeline === timeline);
  if (row === undefined) return newestEpoch(watch) + 1;
  // An adoption whose row was written and whose end was not goes on, unless this side was succeeded since.
  return row.region === region && row.epoch > memory.known.epoch ? row.epoch : null;
}

/** Newest epoch that this database itself opened; 1 for one that was never promoted. */
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

/** Who says that this side is the active one, with nobody saying otherwise; `null`: nobody. */
function vouchedFor(watch: Watch): string | null {
  const { region, witness, peer, memory, look, alone } = watch;
  if (alone) return 'neither a store nor another guard is configured';
  if (peer !== null && begun(peer)) return null;
  if (memory.known.active !== null && memory.known.active !== region) return null;
  const recorded = look.promotions[0]?.epoch ?? null;
  if (peer?.role === 'primary') {
    // An old primary that knows of this side's epoch keeps itself closed: its word is as good as the
    // store's, which may not have heard of a promotion by hand yet.
    const { epoch, active } = peer.known;
    const yields = recorded !== null && active === region && epoch === recorded;
    return yields ? `${peer.region}'s guard says that ${region} is active` : null;
  }
  if (witness !== null && witness.active === region) {
    // The store and the database tell of the same epoch, or the database was never promoted.
    if (recorded === null || recorded === witness.epoch)
      return `the store says that ${region} is active`;
  }
  const peerFollows = peer?.role === 'standby' && peer.known.epoch <= memory.known.epoch;
  return peerFollows ? `${peer.region}'s guard says that its side is a standby` : null;
}
