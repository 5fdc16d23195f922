import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../kernel/kernel.ts';
import { missingTools, typed } from '../../runbook/by-hand/typed.fixture.ts';
import type { HandWork } from '../../runbook/by-hand/work.ts';
import { rfc2136Hands } from './by-hand.ts';
import { rfc2136Dns } from './rfc2136.ts';
import {
  isInstalled,
  type KeyOptions,
  keyName,
  name,
  startUpdateServer,
  type UpdateServer,
  zone,
} from './servers.fixture.ts';

const missing = [
  ...missingTools('dig', 'nsupdate'),
  ...((await isInstalled('bind')) ? [] : ['named']),
];

const key: KeyOptions = {
  algorithm: 'hmac-sha256',
  secret: randomBytes(32).toString('base64'),
};

let server: UpdateServer;

describe.skipIf(missing.length > 0)(
  missing.length > 0 ? `by hand (skipped: no ${missing.join(', ')})` : 'by hand',
  () => {
    beforeEach(async () => {
      server = await startUpdateServer('bind', key);
    });
    afterEach(() => server.stop());

    const provider = () =>
      rfc2136Dns({
        ...{ server: server.address, zone, name, type: 'A', clock: systemClock },
        key: { name: keyName, algorithm: key.algorithm, secret: async () => key.secret },
      });

    const hands = () =>
      rfc2136Hands({
        ...{ server: server.address, zone, name, type: 'A', ttlSeconds: 60 },
        key: { name: keyName, algorithm: key.algorithm, secret: 'env:DNS_KEY' },
      });

    const pointing = (): HandWork => {
      const [work] = hands().point({ region: 'west', epoch: 2, values: ['127.0.2.1'] });
      if (work === undefined) throw new Error('no box');
      return work;
    };

    test('one signed update, which the provider then reads as its own; the secret is asked for and stands nowhere', async () => {
      await provider().adopt({ epoch: 1, region: 'east' });
      const right = hands().wasWrittenFor(1, 'east');
      const old = hands().wasWrittenFor(7, 'east');
      if (right === null || old === null) throw new Error('no box');
      expect((await typed(right)).exitCode).toBe(0);
      expect((await typed(old)).exitCode).not.toBe(0);

      const work = pointing();
      expect(work.lines.join('\n')).not.toContain(key.secret);
      const done = await typed(work, { input: key.secret });
      expect(done).toMatchObject({ exitCode: 0 });
      expect(await provider().read()).toMatchObject({
        values: ['127.0.2.1'],
        generation: { number: 2, epoch: 2, region: 'west' },
      });
    });

    test('a wrong secret changes nothing, and is seen', async () => {
      await provider().adopt({ epoch: 1, region: 'east' });
      const wrong = randomBytes(32).toString('base64');
      expect((await typed(pointing(), { input: wrong })).exitCode).not.toBe(0);
      expect(await provider().read()).toMatchObject({ values: ['127.0.1.1'] });
    });

    test('a record that somebody has changed since it was read is not written over', async () => {
      await provider().adopt({ epoch: 1, region: 'east' });
      const work = pointing();
      // A change by another person between the read and the update.
      const changed = {
        ...work,
        lines: work.lines.map((line) =>
          line.startsWith('N=') ? `${line}\nOLD='"v1 generation=9 epoch=9 region=east"'` : line,
        ),
      };
      expect((await typed(changed, { input: key.secret })).exitCode).not.toBe(0);
      expect(await provider().read()).toMatchObject({ values: ['127.0.1.1'] });
    });
  },
);
