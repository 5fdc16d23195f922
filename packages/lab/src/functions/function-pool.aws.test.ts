import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { poolHere, type RunningPool, untilFits } from './fixtures/running-pool.ts';

const missing = spawnSync('aws', ['--version']).status !== 0;
const title = (text: string) =>
  missing ? `${text} (skipped: the aws command line is not installed)` : text;
const run = promisify(execFile);

const folder = mkdtempSync(join(tmpdir(), 'function-pool-aws-'));
let pool: RunningPool;

beforeAll(async () => {
  pool = await poolHere();
});
afterAll(async () => {
  await pool.close();
  rmSync(folder, { recursive: true });
});

async function aws(...argv: string[]): Promise<Record<string, unknown>> {
  const { stdout } = await run(
    'aws',
    ['--endpoint-url', pool.url, '--output', 'json', 'lambda', ...argv],
    {
      env: {
        ...process.env,
        AWS_ACCESS_KEY_ID: 'lab',
        AWS_SECRET_ACCESS_KEY: 'lab',
        AWS_DEFAULT_REGION: 'us-east-1',
        AWS_MAX_ATTEMPTS: '1',
        AWS_PAGER: '',
      },
    },
  );
  return stdout.trim() === '' ? {} : JSON.parse(stdout);
}

const target = ['--function-name', 'checkout', '--qualifier', 'live'];

test.skipIf(missing)(title('aws lambda invoke'), async () => {
  const file = join(folder, 'answer.json');
  const answer = await aws('invoke', ...target, file);
  expect(answer).toEqual({ StatusCode: 200, ExecutedVersion: '2' });
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ served: 1, version: '2' });
});

test.skipIf(missing)(
  title('aws lambda put-, get- and delete-provisioned-concurrency-config'),
  async () => {
    const put = await aws(
      'put-provisioned-concurrency-config',
      ...target,
      '--provisioned-concurrent-executions',
      '2',
    );
    expect(put).toMatchObject({
      RequestedProvisionedConcurrentExecutions: 2,
      Status: 'IN_PROGRESS',
    });
    const get = () => aws('get-provisioned-concurrency-config', ...target);
    const ready = await untilFits(get, ({ Status }) => Status === 'READY');
    expect(ready).toMatchObject({ AvailableProvisionedConcurrentExecutions: 2 });
    await aws('delete-provisioned-concurrency-config', ...target);
    await expect(get()).rejects.toThrow('ProvisionedConcurrencyConfigNotFoundException');
  },
);
