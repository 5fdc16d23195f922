import { systemClock } from 'throwover/kernel';
import type { Lab } from '../world/lab.ts';
import type { RegionName } from '../world/map.ts';
import { said } from '../world/operator.ts';
import { throwover } from '../world/throwover-cli.ts';
import { guardCloses } from './guard-word.ts';
import { OwnWriter } from './own-writer.ts';
import { failover, type Played, type RoundContext } from './play.ts';
import { violation } from './violations.ts';

/**
 * Number of attempts to write before the guard starts, and after it has reported that the database
 * is closed.
 */
const attempts = 20;

/**
 * After a failover the lost region's machine starts PostgreSQL itself, and its guard starts later.
 * An application that kept the address tries to write there all the time. In odd rounds nothing ran
 * before PostgreSQL: no product can refuse those writes, so each of them must be in the ledger, and
 * none may be acknowledged once the guard has reported that the database is closed. In even rounds
 * the unit runs `throwover guard --pre-start` first, as the docs say: no write at all is
 * acknowledged.
 */
export async function rebootOwnStart(context: RoundContext): Promise<Played> {
  const { from, round } = context;
  const preStart = round % 2 === 0;
  let seen: Awaited<ReturnType<typeof reboot>> = { acknowledged: [], afterClosed: 0 };
  const played = await failover(context, {
    fault: (lab, region) => lab.kill(region),
    mend: async (lab, region) => {
      seen = await reboot(lab, region, { preStart, name: `${from}_${round}` });
    },
  });
  const { acknowledged, afterClosed } = seen;
  const told = new Set(played.ledger?.map(({ key }) => key?.['idempotency_key']));
  const untold = acknowledged.filter((key) => !told.has(key));
  return {
    ...played,
    violations: [
      ...violation(
        preStart ? acknowledged.length : 0,
        `writes acknowledged in ${from}, which was closed before its start`,
      ),
      ...violation(
        afterClosed,
        `writes acknowledged in ${from} after its guard said that it is closed`,
      ),
      ...violation(untold.length, `writes of ${from}'s own start are not in the ledger`),
    ],
  };
}

async function reboot(
  lab: Lab,
  region: RegionName,
  { preStart, name }: { preStart: boolean; name: string },
) {
  const machine = lab.machine(region);
  if (preStart) {
    const args = ['guard', '--config', machine.guardConfig, '--pre-start'];
    const result = await throwover(args, { cwd: lab.options.dir });
    if (result.exitCode !== 0) throw new Error(said(args, result));
  }
  const writer = new OwnWriter(lab, region, name);
  try {
    await machine.start();
    await writer.tries(attempts);
    await lab.bringBack(region);
    await guardCloses(lab, region);
    const closedMs = systemClock.wallMs();
    await writer.tries(attempts);
    await writer.end();
    return {
      acknowledged: writer.acknowledged.map(({ key }) => key),
      /** Sent after the guard had reported that the database is closed. */
      afterClosed: writer.acknowledged.filter(({ sentMs }) => sentMs > closedMs).length,
    };
  } finally {
    await writer.end();
  }
}
