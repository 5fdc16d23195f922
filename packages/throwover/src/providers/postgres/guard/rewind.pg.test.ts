import { existsSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Pair, testPair } from '../../../../../lab/src/postgres/fixtures/pair.ts';
import type { DatabaseSide } from '../../../authority/database-side.ts';
import { ofRun } from '../../../authority/guard/guard.fixture.ts';
import { systemClock } from '../../../kernel/kernel.ts';
import { postgresSide } from '../database-side.ts';
import { startGuard } from './guard.ts';
import { type Guards, guardsOf, untilOneCluster } from './guards.fixture.ts';

/** npm's binaries have no pg_rewind; Debian's and Ubuntu's packages do. */
const debian = '/usr/lib/postgresql';
const pgBin = (existsSync(debian) ? readdirSync(debian) : [])
  .map((version) => `${debian}/${version}/bin`)
  .find((dir) => existsSync(`${dir}/pg_rewind`) && existsSync(`${dir}/postgres`));

describe.runIf(pgBin !== undefined)('with pg_rewind', () => {
  let pair: Pair;
  let guards: Guards;
  const close: (() => Promise<void>)[] = [];

  async function guarded(name: 'east' | 'west'): Promise<DatabaseSide> {
    const guard = await startGuard(guards.config(name), { log: () => {} });
    const side = postgresSide({
      region: name,
      guardUrl: `http://${guard.address.host}:${guard.address.port}`,
      attachTimeoutMs: 60_000,
      clock: systemClock,
    });
    close.push(side.close, guard.close);
    return side;
  }

  beforeAll(async () => {
    pair = await testPair({ pgBin: pgBin ?? '' });
    guards = await guardsOf(pair);
  });
  afterAll(async () => {
    for (const end of close) await end();
    await pair.remove();
  });

  it('takes a diverged side back to the switch position, keeps its own files, and follows', async () => {
    const [east, west] = [await guarded('east'), await guarded('west')];
    while (!(await west.status()).streaming) await systemClock.sleep(10);
    await untilOneCluster(west);
    const proof = await east.fence({ ...ofRun(1), openTransactionsMs: 0, deadlineMs: null });
    while (((await west.status()).received ?? '') < proof.position) await systemClock.sleep(5);
    const promotion = await west.promote({ ...ofRun(1), epoch: 2, proof, lossy: null });
    await pair.ask('east', `INSERT INTO payments (event_id) VALUES ('past the switch')`);
    await pair.ask('west', `INSERT INTO payments (event_id) VALUES ('on the new timeline')`);
    await east.stop(ofRun(1));

    const attachment = await east.attach({
      ...ofRun(1),
      epoch: 2,
      upstream: 'west',
      promotion,
      discards: true,
    });
    expect(attachment.way).toBe('rewind');
    expect(attachment.bytesCopied).toBeGreaterThan(0);
    const payments = () => pair.ask('east', 'SELECT event_id FROM payments');
    while ((await payments()).length === 0) await systemClock.sleep(5);
    expect(await payments()).toEqual([{ event_id: 'on the new timeline' }]);
    expect(await east.status()).toMatchObject({ role: 'standby', streaming: true, closed: null });
  });
});
