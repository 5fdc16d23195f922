import type { FailsOver, Switchable } from '../contender.ts';
import type { Entrant } from '../contenders.ts';
import { patroniPackages, patroniPrograms, startPatroni } from './patroni.ts';
import { patroniTimings } from './patroni-config.ts';
import { repmgrPackages, repmgrPrograms, startRepmgr } from './repmgr.ts';
import { repmgrTimings, type ServiceCommands } from './repmgr-config.ts';

type Peer = Entrant<Switchable & FailsOver>;

export const patroni = (
  pgBin: string,
  name: string,
  timings: keyof typeof patroniTimings,
): Peer => ({
  name,
  needs: patroniPrograms,
  packages: patroniPackages,
  start: (place) => startPatroni({ ...place, name, pgBin, timings: patroniTimings[timings] }),
});

export const repmgr = (
  pgBin: string,
  name: string,
  timings: keyof typeof repmgrTimings,
  serviceCommands: ServiceCommands,
): Peer => ({
  name,
  needs: repmgrPrograms(pgBin),
  packages: repmgrPackages,
  start: (place) =>
    startRepmgr({ ...place, name, pgBin, serviceCommands, timings: repmgrTimings[timings] }),
});
