/**
 * `npm run -s bench -- NAME [--quick] [--peers] [--rounds N] [--record] [--only A,B] [--json]`
 *
 * --quick ends within 50 s (not with --peers): it plays fewer rounds; a bench of switches names in
 * `leftOut` what did not fit. With --quick or --json the last line is one JSON object of figures,
 * ratios, counts. --peers measures Patroni and repmgr in the same run, and reports how to install
 * those that are missing.
 */
import { Command } from '@commander-js/extra-typings';
import { systemClock } from 'throwover/kernel';
import { wholeAboveZero } from '../packages/lab/src/command-line.ts';
import { benchControlPlane } from './control-plane.ts';
import { benchDns } from './dns.ts';
import { benchEdge } from './edge.ts';
import { benchFailover } from './failover.ts';
import { benchSwitchover } from './switchover.ts';

const benches = {
  switchover: benchSwitchover,
  failover: benchFailover,
  edge: benchEdge,
  dns: benchDns,
  'control-plane': benchControlPlane,
} as const;

const program = new Command('npm run -s bench --');
program
  .argument('<name>', `one of: ${Object.keys(benches).join(', ')}`)
  .option('--quick', 'fewer rounds: ends within 50 s, with one line of JSON')
  .option('--peers', 'beside Patroni and repmgr, in the same run')
  .option('--rounds <count>', 'of each contender and latency', wholeAboveZero)
  .option('--record', "keep the peers' medians in bench/peers/recorded.json")
  .option('--only <names>', 'contenders to measure, by name, with commas', (names) =>
    names.split(','),
  )
  .option('--json', 'end with one line of JSON; all else goes to stderr')
  .action(async (name, options) => {
    const bench = benches[name as keyof typeof benches];
    if (bench === undefined) program.error(`no bench is called ${name}`);
    if (options.record && !options.peers) program.error('--record needs --peers');
    const figures = await bench({
      quick: options.quick === true,
      peers: options.peers === true,
      rounds: options.rounds ?? null,
      record: options.record === true,
      only: options.only ?? null,
      say: (line) => (options.json ? console.error(line) : console.log(line)),
    });
    if (options.json || options.quick) {
      const seconds = Math.round(systemClock.monotonicMs() / 100) / 10;
      console.log(JSON.stringify({ ...figures, seconds }));
    }
  });
await program.parseAsync();
