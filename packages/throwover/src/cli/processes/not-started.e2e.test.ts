/** A process with a certificate that cannot start ends: else nothing would start it again. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { testPki } from '../../access/pki.fixture.ts';

const bin = fileURLToPath(new URL('../../../bin/throwover.js', import.meta.url));

let dir: string;
let pki: ReturnType<typeof testPki>;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'throwover-not-started-'));
  pki = testPki(dir);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const file = (name: string, content: unknown) => {
  const path = join(dir, name);
  writeFileSync(path, JSON.stringify(content));
  return path;
};

/** Returns how the process ended, and the code of its error; one that hangs is killed. */
const ended = (...args: readonly string[]) =>
  new Promise<{ killed: boolean; code: string }>((resolve) => {
    execFile(process.execPath, [bin, ...args], { timeout: 20_000 }, (error, _out, stderr) => {
      resolve({ killed: error?.killed === true, code: stderr.split(':')[0] ?? '' });
    });
  });

it('a gateway without its secret', async () => {
  const config = {
    ...{ region: 'east', port: 0, adminPort: 0, initial: null, dataDir: join(dir, 'gateway') },
    identity: pki.identity('throwover://checkout/gateway/east/1'),
    sources: { stripe: { scheme: 'stripe', secret: 'env:NOT_SET', path: '/' } },
  };
  expect(await ended('gateway', '--config', file('gateway.json', config))).toEqual({
    ...{ killed: false, code: 'secret-missing' },
  });
});

it('a door at an address that is not of this machine', async () => {
  const config = {
    ...{ region: 'east', host: '192.0.2.1', port: 0, adminPort: 0 },
    ...{ upstream: 'http://127.0.0.1:1', stateFile: join(dir, 'door.json') },
    identity: pki.identity('throwover://checkout/door/east/1'),
  };
  expect(await ended('edge', '--config', file('edge.json', config))).toEqual({
    ...{ killed: false, code: 'edge-listen-failed' },
  });
});

it('a door with the certificate of another region', async () => {
  const config = {
    ...{ region: 'east', port: 0, adminPort: 0 },
    ...{ upstream: 'http://127.0.0.1:1', stateFile: join(dir, 'other.json') },
    identity: pki.identity('throwover://checkout/door/west/1'),
  };
  expect(await ended('edge', '--config', file('other-edge.json', config))).toEqual({
    ...{ killed: false, code: 'certificate-files-wrong' },
  });
});

it('serve without the file of a service', async () => {
  const identity = file('serve.json', pki.identity('throwover://checkout/serve/1'));
  const service = join(dir, 'nowhere.yaml');
  const args = ['--data', join(dir, 'store'), '--port', '0', '--identity', identity];
  expect(await ended('serve', ...args, '--service', service)).toEqual({
    ...{ killed: false, code: 'service-file-missing' },
  });
});
