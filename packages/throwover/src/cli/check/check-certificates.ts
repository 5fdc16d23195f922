import { isLoopback } from '../../kernel/kernel.ts';
import type { Service } from '../../service/service.ts';
import type { Session } from '../session.ts';

/**
 * What `check` says of certificates: this controller's, and those that the machines have just shown.
 * `null`: there are none, and every machine listens where only this computer reaches it.
 */
export function certificatesSaid({ loaded, parts }: Session): {
  readonly said: string;
  readonly faults: readonly string[];
} | null {
  const { machine } = parts;
  if (machine === null) {
    const open = addressesOf(loaded.service).filter((url) => !isLoopback(hostOf(url)));
    if (open.length === 0) return null;
    return {
      said: 'no certificates',
      faults: [
        `WHOEVER REACHES ${open.join(', ')} MAY MOVE TRAFFIC AND DATABASES: \`throwover pki init --for throwover.yaml\`; docs/certificates.md`,
      ],
    };
  }
  const alarms = machine.alarms();
  const count = machine.peersSeen().length;
  const ahead = alarms.filter(({ level }) => level !== 'now').map(({ said }) => said);
  return {
    said: [`this controller's and those of ${count} other machines`, ...ahead].join('; '),
    faults: alarms.filter(({ level }) => level === 'now').map(({ said }) => said),
  };
}

const hostOf = (url: string) => new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');

/** Where the control plane reaches the machines of a service. */
function addressesOf({ store, regions }: Service): readonly string[] {
  const all = Object.values(regions).flatMap(({ door, database, gateway }) => [
    ...[door.admin, database.guard],
    ...(gateway === undefined ? [] : [gateway.admin]),
  ]);
  return [...new Set([store.url, ...all])];
}
