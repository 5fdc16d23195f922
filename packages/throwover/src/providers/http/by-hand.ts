/**
 * Manual steps for the data path, with `curl`: doors and gateways run without the control plane,
 * and take its commands from people too.
 */
import type { Identity } from '../../access/identity.ts';
import { shellWord } from '../../kernel/kernel.ts';
import type { HandWork } from '../../runbook/runbook.ts';
import type { DnsHands, DoorHands, GatewayHands } from '../../runs/runs.ts';

/** How a person calls a machine: with the certificate of this computer, where the service has them. */
interface ByHand {
  readonly region: string;
  readonly admin: string;
  readonly identity: Identity | null;
}

/**
 * A machine's certificate names its role and not its address, so curl cannot check it (`-k`). A
 * stranger at that address learns no secret from the command: the key stays here.
 */
function curl(identity: Identity | null): string {
  if (identity === null) return 'curl -fsS';
  const { certificate, key } = identity;
  return `curl -fsSk --cert ${shellWord(certificate)} --key ${shellWord(key)}`;
}

const json = `-H 'content-type: application/json'`;

/** Returns JSON as one word of a shell, in which each `"@"` is what the shell puts there. */
function withValues(body: object, ...values: readonly string[]): string {
  const [first = '', ...rest] = JSON.stringify(body).split('"@"');
  return rest.reduce(
    (word, piece, index) => `${word}"${values[index]}"${shellWord(piece)}`,
    shellWord(first),
  );
}

/**
 * Manual steps for a door at this address (docs: edge.md). A newer epoch needs no token, because no
 * other command has been sent in it.
 */
export function doorHands({ region, admin, identity }: ByHand): DoorHands {
  const put = (says: string, mode: object): HandWork => ({
    on: null,
    says,
    lines: [
      `${curl(identity)} -X PUT ${json} ${shellWord(`${admin}/v1/door`)} -d ${shellWord(JSON.stringify({ region, mode, token: 0 }))}`,
    ],
  });
  return {
    serve: (epoch) => put(`${region}'s door serves`, { mode: 'serve', epoch }),
    forward: (epoch, to) =>
      put(`${region}'s door passes on to ${to.region} what still comes`, {
        mode: 'forward',
        epoch,
        ...to,
      }),
  };
}

/**
 * Manual steps for a gateway at this address. They send its newest token back, because an older one
 * is refused.
 */
export function gatewayHands({ region, admin, identity }: ByHand): GatewayHands {
  const token = `T=$(${curl(identity)} ${shellWord(`${admin}/v1/gateway`)} | sed -n 's/.*"token":\\([0-9]*\\).*/\\1/p')`;
  const send = (method: string, path: string, body: string) =>
    `${curl(identity)} -X ${method} ${json} ${shellWord(`${admin}${path}`)} -d ${body}`;
  return {
    region,
    deliver: (epoch, to) => ({
      on: null,
      says: `${region}'s gateway delivers to ${to.region}`,
      lines: [
        token,
        send(
          'PUT',
          '/v1/gateway/mode',
          withValues({ mode: { mode: 'deliver', epoch, ...to }, token: '@' }, '$T'),
        ),
      ],
    }),
    redeliver: (epoch, seconds) => ({
      on: null,
      says: `${region}'s gateway delivers once more what it delivered in the last ${Math.round(seconds / 60)} minutes`,
      lines: [
        token,
        send(
          'POST',
          '/v1/gateway/redeliver',
          withValues(
            {
              window: { key: `by-hand-${epoch}`, epoch, fromWallMs: '@', beyond: null },
              token: '@',
            },
            `$(( ($(date +%s) - ${seconds}) * 1000 ))`,
            '$T',
          ),
        ),
      ],
    }),
  };
}

/** Manual steps for a record behind the team's own HTTP service (docs: dns-providers.md). */
export function httpDnsHands(options: {
  readonly url: string;
  readonly name: string;
  readonly type: string;
  readonly ttlSeconds: number;
  /** Where the token is, for people; `null`: none is needed. */
  readonly token: string | null;
}): DnsHands {
  const { name, type, ttlSeconds, token } = options;
  const url = shellWord(options.url);
  const ask =
    token === null
      ? []
      : [`read -r -s -p ${shellWord(`Token of ${options.url} (${token}): `)} TOKEN`];
  // From a pipe and not in the command, which everybody on the machine could read.
  const header = ` -H @<(printf 'authorization: Bearer %s\\n' "$TOKEN")`;
  const curl = `curl -fsS${token === null ? '' : header}`;
  return {
    wasWrittenFor: (epoch, region) => ({
      on: null,
      says: `See that the record was written for ${region} in epoch ${epoch}: else this runbook is an old one`,
      lines: [
        ...ask,
        // In any order of fields.
        `${curl} ${url} | tr -d ' \\n' | grep '"epoch":${epoch}[,}]' | grep '"region":"${region}"'`,
      ],
    }),
    point: ({ region, epoch, values }) => [
      {
        on: null,
        says: `Point ${name} at ${region}, unless somebody else changes it at the same time`,
        lines: [
          ...ask,
          `N=$(${curl} ${url} | tr -d ' \\n' | sed -n 's/.*"number":\\([0-9]*\\).*/\\1/p')`,
          `TAG=$(${curl} -o /dev/null -w '%header{etag}' ${url})`,
          `${curl} -X PUT ${json} -H "if-match: $TAG" ${url} -d ${withValues(
            { name, type, ttlSeconds, values, generation: { number: '@', epoch, region } },
            '$((N + 1))',
          )}`,
        ],
      },
    ],
  };
}
