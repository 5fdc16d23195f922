import { isThrowoverError } from '../kernel/kernel.ts';
import type { Guard, Refusal } from '../runbook/runbook.ts';
import type { DnsProvider } from './dns.ts';
import type { Door } from './door.ts';
import { trafficErrors } from './errors.ts';

/**
 * The guard that the record answers with the region being left, has a generation, and the doors
 * take commands. A failover does not need the door of the lost region.
 */
export function trafficReady(options: {
  dns: DnsProvider;
  from: Door;
  to: Door;
  withoutOldDoor?: true;
}): Guard {
  const doors = options.withoutOldDoor ? [options.to] : [options.from, options.to];
  return {
    name: 'traffic-ready',
    title: `DNS points at ${options.from.region}, and ${doors.map(({ region }) => region).join(' and ')} can be given the traffic`,
    check: async () => {
      const answers = await Promise.all([
        refusalOf(async () => {
          const record = await options.dns.read();
          if (record.generation.region === options.from.region) return [];
          const message = `${record.name} was last written for ${record.generation.region}, not for ${options.from.region}`;
          const error = trafficErrors.make('dns-points-elsewhere', message, {
            generation: record.generation,
            values: record.values,
          });
          return [{ error, override: 'dns-points-elsewhere' }];
        }),
        ...doors.map((door) =>
          refusalOf(async () => {
            await door.status();
            return [];
          }),
        ),
      ]);
      return answers.flat();
    },
  };
}

/** An error is a refusal without an override: traffic that cannot be seen cannot be switched. */
async function refusalOf(look: () => Promise<readonly Refusal[]>): Promise<readonly Refusal[]> {
  try {
    return await look();
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
    return [{ error, override: null }];
  }
}
