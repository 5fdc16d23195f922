import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { credentials, type LabDns, name, startLabDns, zoneId } from './route53.fixture.ts';

const run = promisify(execFile);

const version = await run('aws', ['--version']).then(
  ({ stdout }) => stdout.trim(),
  () => null,
);

describe.skipIf(version === null)(
  version === null
    ? 'the `aws` command line is not installed'
    : `the command line of AWS (${version})`,
  () => {
    let lab: LabDns;
    beforeAll(async () => {
      lab = await startLabDns();
    });
    afterAll(() => lab.stop());

    async function aws(...argv: string[]) {
      const options = { env: { ...process.env, ...credentials, AWS_PAGER: '' } };
      const { stdout } = await run(
        'aws',
        ['--endpoint-url', lab.endpoint, '--output', 'json', 'route53', ...argv],
        options,
      );
      return stdout === '' ? null : JSON.parse(stdout);
    }

    const change = (action: string, value: string) => ({
      Action: action,
      ResourceRecordSet: { Name: name, Type: 'A', TTL: 60, ResourceRecords: [{ Value: value }] },
    });

    const batch = (...changes: object[]) =>
      aws(
        'change-resource-record-sets',
        '--hosted-zone-id',
        zoneId,
        '--change-batch',
        JSON.stringify({ Changes: changes }),
      );

    test('lists the record sets page by page', async () => {
      const list = await aws(
        'list-resource-record-sets',
        '--hosted-zone-id',
        zoneId,
        '--page-size',
        '1',
      );
      const names = list.ResourceRecordSets.map(
        (set: { Name: string; Type: string }) => `${set.Name} ${set.Type}`,
      );
      expect(names).toEqual([
        'example.test. NS',
        'example.test. SOA',
        'alias.example.test. CNAME',
        `${name}. A`,
      ]);
    });

    test('swaps a record in one batch, and is refused the second time', async () => {
      const swap = [change('DELETE', '127.0.1.1'), change('CREATE', '127.0.2.1')];
      const { ChangeInfo } = await batch(...swap);
      expect(ChangeInfo).toMatchObject({
        Status: 'PENDING',
        Id: expect.stringMatching(/^\/change\/C/),
      });
      expect(await aws('get-change', '--id', ChangeInfo.Id)).toMatchObject({
        ChangeInfo: { Status: 'INSYNC' },
      });
      await expect(batch(...swap)).rejects.toMatchObject({
        stderr: expect.stringMatching(
          /InvalidChangeBatch.*Tried to delete resource record set.*do not match the current values/s,
        ),
      });
    });

    test('finds the zone by name', async () => {
      const { HostedZones } = await aws('list-hosted-zones-by-name', '--dns-name', 'example.test');
      expect(HostedZones).toMatchObject([{ Id: `/hostedzone/${zoneId}`, Name: 'example.test.' }]);
    });
  },
);
