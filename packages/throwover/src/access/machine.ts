/**
 * A machine of a service in its connections: TLS 1.3 on both sides, each judged by `judge` alone.
 * open-machine.ts makes one.
 */
import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import type { buildConnector } from 'undici';
import type { Clock } from '../kernel/kernel.ts';
import type { Judgement } from './judge.ts';
import type { MachineName } from './names.ts';
import type { Alarm } from './notices.ts';
import type { TrustEvent } from './trust.ts';

/** Who must answer at an address. */
export type Callee = Pick<MachineName, 'role' | 'region'>;

/** How a client connects; `undefined`: without TLS. */
export type Connect = buildConnector.connector | undefined;
export type ConnectTo = (callee: Callee) => Connect;

/** The option of an undici client that connects so. */
export const connecting = (connect: Connect) => (connect === undefined ? {} : { connect });

export interface Machine {
  readonly name: MachineName;
  /** Options of a TLS server; `keep` gives it the files that are read later. */
  serverOptions(): TlsOptions;
  keep(server: Pick<Server, 'setSecureContext' | 'once'>): void;
  /** Who is at the other end of a connection to this machine's server, as it is judged now. */
  callerOf(socket: Socket): Judgement;
  /** Connects only to a machine of this service with this role, in this region. */
  readonly connectTo: ConnectTo;
  /** What a person must see to, about this machine's files and the certificates of `peersSeen`. */
  alarms(): readonly Alarm[];
  /** Names of the machines that it has connected to. */
  peersSeen(): readonly string[];
  close(): Promise<void>;
}

export interface MachineOptions {
  /** What the configuration says that this machine is. */
  readonly expected: Partial<MachineName>;
  readonly clock: Clock;
  /** Receives what a person must see to: files that cannot be used, dates that come near. */
  readonly onEvent?: (event: TrustEvent) => void;
}
