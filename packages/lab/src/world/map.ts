/**
 * The addresses of all parts: one loopback network for each place, one port for each service.
 *
 * A region has a public address, where the border listens (its links can be slowed and cut), and a
 * private one, where its processes listen. Linux answers on all of 127.0.0.0/8; macOS needs an
 * alias for each (`sudo ifconfig lo0 alias 127.0.1.1`). Resolvers ask from 127.0.10.1 upwards, each
 * from its own network.
 */
import { join } from 'node:path';
import type { Endpoint } from 'throwover/kernel';

export const regionNames = ['east', 'west'] as const;
export type RegionName = (typeof regionNames)[number];

export function otherRegion(name: RegionName): RegionName {
  return name === 'east' ? 'west' : 'east';
}

export const defaultPortBase = 7600;

const internetHost = '127.0.0.1';
const witnessHost = '127.0.3.1';

export type LabMap = ReturnType<typeof labMap>;

/** `dir`: directory of a lab, for those that speak with the machines in it. */
export function labMap(portBase: number, dir = '') {
  const internet = (offset: number): Endpoint => ({ host: internetHost, port: portBase + offset });
  return {
    portBase,
    /** Directory of `throwover pki`: every machine's certificate. */
    pki: join(dir, 'pki'),
    hostname: 'checkout.example.test',
    zoneId: 'Z0LAB000000000000001',
    regions: {
      east: regionMap(1, 'us-east-1', portBase),
      west: regionMap(2, 'us-west-2', portBase),
    },
    store: { host: witnessHost, port: portBase + 10 },
    /** The canary zone, and the address at which `throwover serve` answers for it. */
    canary: { host: witnessHost, port: portBase + 13, zone: 'canary.example.test' },
    route53: internet(20),
    dns: internet(21),
    sender: internet(22),
    clients: internet(23),
    border: internet(24),
    /** Address for `npm run lab -- kill east` and similar commands. */
    control: internet(25),
    resolver: (index: number) => internet(30 + index),
  };
}

function regionMap(network: number, awsRegion: string, portBase: number) {
  const publicHost = `127.0.${network}.1`;
  const privateHost = `127.0.${network}.2`;
  const at = (host: string, offset: number): Endpoint => ({ host, port: portBase + offset });
  const on = (host: string) => ({
    door: at(host, 0),
    doorAdmin: at(host, 1),
    functions: at(host, 2),
    guard: at(host, 3),
    gateway: at(host, 4),
    gatewayAdmin: at(host, 5),
    postgres: at(host, 6),
    /**
     * The read service beside the region's database; nothing listens there unless the lab is asked
     * for it.
     */
    reads: at(host, 11),
  });
  return {
    publicHost,
    privateHost,
    /** AWS's name for the region that this one stands for. */
    awsRegion,
    /** Addresses for the rest of the world, over the border. */
    public: {
      ...on(publicHost),
      /** Addresses for the other region: over the border, with the latency between the regions. */
      interDoor: at(publicHost, 7),
      interPostgres: at(publicHost, 8),
      interGuard: at(publicHost, 9),
      /**
       * Address at which the other region's read service reaches the database: separate from
       * replication, which can be cut alone.
       */
      interReads: at(publicHost, 12),
    },
    /**
     * Address at which the region's own processes reach `throwover serve`: over the border, so that
     * a cut affects it.
     */
    toStore: at(publicHost, 10),
    private: on(privateHost),
  };
}
