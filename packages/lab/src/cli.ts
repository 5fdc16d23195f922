/**
 * The lab by hand: `npm run lab -- up`, and in another terminal `npm run lab -- kill east`.
 */
import { Command } from '@commander-js/extra-typings';
import { anyNumber, lagOption, portBaseOption, runCommand } from './command-line.ts';
import { labErrors } from './errors.ts';
import { Interrupted } from './signals.ts';
import { control, type Fault, nextSteps } from './world/control.ts';
import { askJson } from './world/json.ts';
import { labMap, regionNames } from './world/map.ts';
import { labOptions } from './world/options.ts';
import { clientResolvers } from './world/resolver-list.ts';
import { withLab } from './world/with-lab.ts';

const program = new Command('npm run lab --').description('Two regions on one machine, by hand');

program
  .command('up')
  .description('start it with live traffic, until Ctrl-C')
  .addOption(portBaseOption())
  .option('--latency <ms>', 'one way between the regions', anyNumber, 40)
  .addOption(lagOption())
  .option('--pg-bin <dir>', 'directory of PostgreSQL 14 to 18 binaries')
  .option('--seed <n>', 'seed of the traffic', anyNumber, 1)
  .action(up);

for (const [fault, does] of Object.entries({
  kill: 'SIGKILL every process of a region',
  freeze: 'SIGSTOP every process of a region',
  thaw: 'let a frozen region go on',
  cut: 'let nothing pass the border of a region',
  'cut-in': 'let nothing into a region; what it sends goes out',
  'cut-out': 'let nothing out of a region; what is sent to it goes in',
  restore: 'open the border again',
  back: 'start a killed region again on the disks that it left',
} satisfies Record<Fault, string>)) {
  program
    .command(`${fault} <region>`)
    .description(does)
    .addOption(portBaseOption())
    .action((region, options) =>
      tell(options.portBase, '/fault', { fault, region: knownRegion(region) }),
    );
}

program
  .command('latency')
  .argument('<ms>', 'one way', anyNumber)
  .description('change the latency between the regions, one way')
  .addOption(portBaseOption())
  .action((ms, options) => tell(options.portBase, '/latency', { latencyMs: ms }));
program
  .command('reset')
  .description('everything as it was at the start')
  .addOption(portBaseOption())
  .action((options) => tell(options.portBase, '/reset', {}));
program
  .command('down')
  .description('stop a lab that runs elsewhere')
  .addOption(portBaseOption())
  .action((options) => tell(options.portBase, '/down', {}));

async function up(given: {
  portBase: number;
  latency: number;
  lag: 'production' | 'none';
  pgBin?: string | undefined;
  seed: number;
}): Promise<void> {
  const options = labOptions({
    portBase: given.portBase,
    latencyMs: given.latency,
    lagProfile: given.lag,
    pgBin: given.pgBin ?? null,
    seed: given.seed,
  });
  try {
    await withLab(options, async (lab) => {
      const { promise: ended, resolve: end } = Promise.withResolvers<void>();
      control(lab, end);
      await lab.startClients({
        output: `${lab.options.dir}/requests.jsonl`,
        resolvers: clientResolvers(lab.map, lab.options),
      });
      console.log(await nextSteps(lab));
      await ended;
    });
  } catch (error) {
    // It runs until Ctrl-C: that is its end, not an error.
    if (error instanceof Interrupted) process.exit(0);
    throw error;
  }
}

async function tell(port: number, path: string, body: unknown): Promise<void> {
  const { control: endpoint } = labMap(port);
  try {
    console.log(JSON.stringify(await askJson(endpoint, path, { method: 'POST', body })));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw labErrors.make(
      'lab-not-running',
      `nothing answers on ${endpoint.host}:${endpoint.port}`,
      {},
      error,
    );
  }
}

function knownRegion(region: string): string {
  if (regionNames.some((name) => name === region)) return region;
  throw labErrors.make('lab-unknown-fault', `there is no region ${region}`, { region });
}

await runCommand(() => program.parseAsync());
