/**
 * The addresses of all parts: one loopback network for each place, one port for each service.
 *
 * A region has a public address, where the border listens (its links can be slowed and cut), and a
 * private one, where its processes listen. Linux answers on all of 127.0.0.0/8; macOS needs an
 * alias for each (`sudo ifconfig lo0 alias 127.0.1.1`). Resolvers ask from 127.0.10.1 upwards, each
 * from its own network.
 */
import type { Endpoint } from 'throwover/kernel';

export const regionNames = ['east', 'west'] as const;
export type RegionName = (typeof regionNames)[number];

export function otherRegion(name: RegionName): RegionName {
  return name === 'east' ? 'west' : 'east';
}

export const defaultPortBase = 7600;

export interface RegionMap {
  readonly name: RegionName;
  readonly publicHost: string;
  readonly privateHost: string;
  /** AWS's name for the region that this one stands for. */
  readonly awsRegion: string;
  /** Addresses for the rest of the world, over the border. */
  readonly public: RegionEndpoints & {
    /** Addresses for the other region: over the border, with the latency between the regions. */
    readonly interDoor: Endpoint;
    readonly interPostgres: Endpoint;
    readonly interGuard: Endpoint;
    /**
     * Address at which the other region's read service reaches the database: separate from
     * replication, which can be cut alone.
     */
    readonly interReads: Endpoint;
  };
  /**
   * Address at which the region's own processes reach `throwover serve`: over the border, so that a
   * cut affects it.
   */
  readonly toStore: Endpoint;
  readonly private: RegionEndpoints;
}

export interface RegionEndpoints {
  readonly door: Endpoint;
  readonly doorAdmin: Endpoint;
  readonly functions: Endpoint;
  readonly guard: Endpoint;
  readonly gateway: Endpoint;
  readonly gatewayAdmin: Endpoint;
  readonly postgres: Endpoint;
  /**
   * The read service beside the region's database; nothing listens there unless the lab is asked
   * for it.
   */
  readonly reads: Endpoint;
}

export interface LabMap {
  readonly portBase: number;
  readonly hostname: string;
  readonly zoneId: string;
  readonly regions: Readonly<Record<RegionName, RegionMap>>;
  readonly store: Endpoint;
  /** The canary zone, and the address at which `throwover serve` answers for it. */
  readonly canary: Endpoint & { readonly zone: string };
  readonly route53: Endpoint;
  readonly dns: Endpoint;
  readonly sender: Endpoint;
  readonly clients: Endpoint;
  readonly border: Endpoint;
  /** Address for `npm run lab -- kill east` and similar commands. */
  readonly control: Endpoint;
  readonly resolver: (index: number) => Endpoint;
}

const internetHost = '127.0.0.1';
const witnessHost = '127.0.3.1';

export function labMap(portBase: number): LabMap {
  const internet = (offset: number): Endpoint => ({ host: internetHost, port: portBase + offset });
  return {
    portBase,
    hostname: 'checkout.example.test',
    zoneId: 'Z0LAB000000000000001',
    regions: {
      east: regionMap('east', 1, 'us-east-1', portBase),
      west: regionMap('west', 2, 'us-west-2', portBase),
    },
    store: { host: witnessHost, port: portBase + 10 },
    canary: { host: witnessHost, port: portBase + 13, zone: 'canary.example.test' },
    route53: internet(20),
    dns: internet(21),
    sender: internet(22),
    clients: internet(23),
    border: internet(24),
    control: internet(25),
    resolver: (index) => internet(30 + index),
  };
}

function regionMap(
  name: RegionName,
  network: number,
  awsRegion: string,
  portBase: number,
): RegionMap {
  const publicHost = `127.0.${network}.1`;
  const privateHost = `127.0.${network}.2`;
  const on = (host: string): RegionEndpoints => ({
    door: { host, port: portBase },
    doorAdmin: { host, port: portBase + 1 },
    functions: { host, port: portBase + 2 },
    guard: { host, port: portBase + 3 },
    gateway: { host, port: portBase + 4 },
    gatewayAdmin: { host, port: portBase + 5 },
    postgres: { host, port: portBase + 6 },
    reads: { host, port: portBase + 11 },
  });
  return {
    name,
    publicHost,
    privateHost,
    awsRegion,
    public: {
      ...on(publicHost),
      interDoor: { host: publicHost, port: portBase + 7 },
      interPostgres: { host: publicHost, port: portBase + 8 },
      interGuard: { host: publicHost, port: portBase + 9 },
      interReads: { host: publicHost, port: portBase + 12 },
    },
    toStore: { host: publicHost, port: portBase + 10 },
    private: on(privateHost),
  };
}
