import { headers } from '../wire.ts';
import type { Standing } from './standing.ts';

/** Why a request is not forwarded; the codes are those of the front door (docs/errors.md). */
export interface Refusal {
  readonly code:
    | 'door-busy'
    | 'door-loop'
    | 'door-upgrade'
    | 'door-no-upstream'
    | 'door-upstream-failed';
  readonly status: 502 | 503 | 508;
  readonly message: string;
}

export type Decision =
  | { readonly action: 'serve' }
  | { readonly action: 'forward'; readonly to: Extract<Standing, { mode: 'forward' }> }
  | { readonly action: 'refuse'; readonly refusal: Refusal };

/**
 * Decides whether to serve, forward or refuse a request. It is forwarded a second time only in a
 * higher epoch, and never by the same region: so it cannot loop, and a request that was under way
 * during the next switch still arrives.
 */
export function decide(
  standing: Standing,
  request: {
    readonly region: string;
    /** `region@epoch` of the door or application that forwarded it already. */
    readonly forwarded: string | undefined;
    readonly upgrade: string | undefined;
  },
): Decision {
  if (standing.mode === 'serve') return { action: 'serve' };
  const { region, forwarded, upgrade } = request;
  if (forwarded !== undefined) {
    const [by, epoch] = forwarded.split('@');
    if (by === region || !(Number(epoch) < standing.epoch)) {
      const message = `${region} forwards to ${standing.region}, and this was already forwarded`;
      return { action: 'refuse', refusal: { code: 'door-loop', status: 508, message } };
    }
  }
  if (upgrade !== undefined && !upgrade.toLowerCase().startsWith('h2')) {
    const message = `${standing.region} is active now: connect there`;
    return { action: 'refuse', refusal: { code: 'door-upgrade', status: 503, message } };
  }
  return { action: 'forward', to: standing };
}

/** Returns the answer to a request that is not forwarded. Repeating it does not end a loop. */
export function refusalAnswer(
  { code, status, message }: Refusal,
  at: { readonly region: string; readonly epoch: number },
) {
  return {
    status,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      [headers.region]: at.region,
      [headers.epoch]: String(at.epoch),
      ...(status === 508 ? {} : { 'retry-after': '1' }),
    },
    body: JSON.stringify({ code, message }),
  };
}
