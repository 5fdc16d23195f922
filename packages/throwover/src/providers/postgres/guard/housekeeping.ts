import type { Guard } from '../../../authority/guard/guard.ts';
import { every } from '../../../kernel/kernel.ts';
import { keepSlot } from '../salvage/slot.ts';
import { createPromotions } from './promotions.ts';
import type { Side } from './side.ts';
import { keepLease } from './strict.ts';

/**
 * Pause between two rounds, ms: this is how far the slot of the ledger may be behind the standby.
 */
const roundMs = 5_000;

/**
 * Pause between two rounds until everything is prepared, ms: before that a failover has no ledger.
 */
const eagerMs = 500;

const inOrder = 'in order';

/**
 * Prepares a writer's database outside of any run: the table of promotions, the lease's triggers on
 * new tables, the slot that the ledger is read from. A failure is logged when it changes, and
 * retried: no run waits for it.
 */
export async function keepHouse(options: {
  readonly side: Side;
  readonly guard: Guard;
  readonly say: (what: { readonly house: string }) => void;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { side, guard, say, signal } = options;
  const { clock } = side;
  let told = '';
  const tell = (text: string) => {
    if (text === told) return;
    told = text;
    say({ house: text });
  };
  const failed = (error: unknown) => tell(error instanceof Error ? error.message : String(error));
  const pauseMs = () => (told === inOrder ? roundMs : eagerMs);
  await every({ clock, pauseMs, signal, failed }, async () => tell(await round(side, guard)));
}

async function round(side: Side, guard: Guard): Promise<string> {
  const { config, house } = side;
  const { role, closed } = await guard.status();
  if (role === 'stopped' || closed !== null) return 'nothing to do';
  if (role === 'primary') {
    await createPromotions(house, config.applicationRoles);
    if (!(await keepLease(side, house))) return 'lease watch not running: the server is full';
  }
  const standbys = Object.keys(config.upstreams).filter((name) => name !== config.region);
  const slot = await keepSlot(house, { standbys });
  return slot.state === 'unavailable' ? `ledger unavailable: ${slot.why}` : inOrder;
}
