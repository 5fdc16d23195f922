import { authorityErrors } from './errors.ts';
import type { DatabaseStatus } from './messages.ts';

/**
 * The guard that throwover.yaml expects at an address: its service, its region, and the region of
 * its peer.
 */
export interface ExpectedGuard {
  readonly service: string;
  readonly region: string;
  readonly peer: string;
}

type Answer = Pick<DatabaseStatus, 'region' | 'service' | 'peer'>;

/**
 * The reason why the guard that answered is not the expected one, as a sentence for people; `null`
 * if it is.
 */
export function strangerAt({ service, region, peer }: ExpectedGuard, answer: Answer) {
  const where = `\`regions.${region}.database.guard\` leads to ${answer.region}'s guard`;
  if (answer.region !== region) {
    return answer.region === peer ? `${where}: the addresses of both guards are swapped` : where;
  }
  if (answer.service !== service) return `${where} of service ${answer.service}, not ${service}`;
  if (answer.peer === null) return `${region}'s guard has no \`peer\`: it refuses every run`;
  if (answer.peer.region === peer) return null;
  return `${region}'s guard works with ${answer.peer.region}, not with ${peer}`;
}

/**
 * The reason why the peer has not confirmed this guard as its peer, as a sentence for people: the
 * peer's guard does not answer, or names another peer. `null` if it has.
 */
export function unconfirmedAt({ region, peer }: ExpectedGuard, answer: Answer): string | null {
  if (answer.peer?.confirmed === true) return null;
  return `${peer}'s guard has never told ${region}'s guard that they work together: \`peer.guard\` of ${region} leads elsewhere, \`peer\` of ${peer} is another region, or ${peer}'s guard does not answer`;
}

/** No override exists for this error: the guard of another pair refuses every command. */
export function guardOfAnotherPair(why: string, expected: ExpectedGuard) {
  return authorityErrors.make('guard-of-another-pair', why, { expected });
}
