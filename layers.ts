/**
 * The folders of packages/throwover/src, lowest first. A folder imports only from lower layers;
 * folders of one layer never import each other. The import rules (.dependency-cruiser.ts), their
 * test and the table in docs/architecture.md are made from this list.
 */
export const layers: readonly Layer[] = [
  one('kernel', 'clock, random, ids, errors, durations, quantiles; knows no domain'),
  one('access', 'certificates of machines: names, judgement, files, a private authority'),
  one('wire', 'a table of calls -> client, routes, OpenAPI; each domain has its own tables'),
  one('store', 'epochs, run leases, journals: the port, its rules, its conformance suite'),
  one('runbook', 'the engine: steps, plan, guards, mandate, execution; by-hand/. Knows no domain'),
  one('service', 'throwover.yaml -> Service; own steps and checks of a team'),
  one('authority', 'who may write: fence proofs, timing, witness, guard/. Knows no database'),
  {
    folders: ['traffic', 'functions', 'replication', 'webhooks'],
    holds: 'DNS and doors; warm capacity; fence, catch up, promote, salvage; gateways',
  },
  one('runs', 'switchover, failover, rejoin, failback, flip-only: lists of steps, nothing else'),
  one('notify', 'notices of runs to people; never stops a run'),
  one('records', 'what people did and what was sampled; the steps of a journal; named metrics'),
  {
    folders: ['drills', 'evidence'],
    holds:
      'drills: policy and records -> plan, rotation, report. evidence: what a run cost, forecast',
  },
  one('improvement', 'the operating test: audit, baseline, change and its review, one week'),
  one('dashboard', 'one list of families -> what is scraped, Grafana, alert rules'),
  one('operations', 'what acts without a person, on real regions or on models; knows ports'),
  one('store/memory', 'the store in memory, for tests and the simulation'),
  {
    folders: ['providers', 'store/sqlite', 'store/remote', 'simulation'],
    holds: 'adapters; the engine, guards and operations on virtual time, with faults and checkers',
  },
  one('compose', 'Service -> ports and runs; it alone names adapters'),
  one('server', 'throwover serve'),
  one('cli', 'the command line'),
];

/** Folders that only compose/ may name. Each of their files is entered by itself. */
export const adapters: readonly string[] = ['providers', 'store/sqlite', 'store/remote'];

/** Files that are entries beside the file with the folder's name, and why. */
export const entries: Readonly<Record<string, string>> = {
  'access/identity.ts': 'the files of a certificate in a configuration, without what reads them',
  'access/configured.ts': 'loads what reads certificates only where there is one',
  'access/machine.ts': 'types: a machine in its connections',
  'access/names.ts': 'loads nothing: the command line names the roles in its help',
  'traffic/edge.ts': 'the data path of the door: an export of the package, small on purpose',
  'dashboard/exposition.ts': 'loads a library that only a scraped process needs',
  'compose/processes.ts': "adapters of throwover's own processes, without the rest of compose/",
  'kernel/http-call.ts': 'loads an HTTP client that only callers need',
  'kernel/private-database.ts': 'loads SQLite, which only those that keep a database need',
  'wire/client.ts': 'loads an HTTP client that only callers need',
  'wire/callers.ts': 'only a process that listens needs it',
  'wire/routes.ts': 'loads what only a process that listens needs',
  'wire/control-server.ts': 'loads what only a process that listens needs',
  'wire/openapi.ts': 'for docs and their test; routes.ts serves it',
  'store/memory/memory-store.ts': 'one file is all of this folder',
};

export interface Layer {
  readonly folders: readonly string[];
  readonly holds: string;
}

function one(folder: string, holds: string): Layer {
  return { folders: [folder], holds };
}
