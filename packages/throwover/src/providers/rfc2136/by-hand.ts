import { shellWord } from '../../kernel/kernel.ts';
import type { DnsHands } from '../../runs/runs.ts';
import { generationName, generationTtlSeconds } from '../../traffic/traffic.ts';
import { parseServer } from './tcp.ts';

/** Manual steps for a record on a server with dynamic updates, with `nsupdate` and `dig`. */
export function rfc2136Hands(options: {
  readonly server: string;
  readonly zone: string;
  readonly name: string;
  readonly type: string;
  readonly ttlSeconds: number;
  /** `secret`: its place, for people. */
  readonly key: { readonly name: string; readonly algorithm: string; readonly secret: string };
}): DnsHands {
  const { zone, name, type, ttlSeconds, key } = options;
  const { host, port } = parseServer(options.server);
  const txt = generationName(name);
  const read = `dig +short +tcp @${host} -p ${port} TXT ${txt}`;
  return {
    wasWrittenFor: (epoch, region) => ({
      on: null,
      says: `See that the record was written for ${region} in epoch ${epoch}: else this runbook is an old one`,
      lines: [`${read} | grep 'epoch=${epoch} region=${region}"'`],
    }),
    point: ({ region, epoch, values }) => [
      {
        on: null,
        says: `Point ${name} at ${region}, in one signed update, unless somebody else has changed it`,
        lines: [
          `OLD=$(${read})`,
          `N=$(echo "$OLD" | sed -n 's/.*generation=\\([0-9]*\\).*/\\1/p')`,
          `read -r -s -p ${shellWord(`Secret of the key ${key.name} (${key.secret}): `)} SECRET`,
          // The secret is in the script and not in the command, which everybody on the machine
          // could read.
          'nsupdate -v <<END',
          `server ${host} ${port}`,
          `zone ${zone}`,
          `key ${key.algorithm}:${key.name} $SECRET`,
          `prereq yxrrset ${txt} IN TXT $OLD`,
          `update delete ${name} ${type}`,
          ...values.map((value) => `update add ${name} ${ttlSeconds} ${type} ${value}`),
          `update delete ${txt} TXT`,
          `update add ${txt} ${generationTtlSeconds} TXT "v1 generation=$((N + 1)) epoch=${epoch} region=${region}"`,
          'send',
          'END',
        ],
      },
    ],
  };
}
