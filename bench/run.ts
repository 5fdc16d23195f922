/**
 * `npm run -s bench -- NAME [--quick] [--json]`
 *
 * --quick ends within 50 s; with --json the last line is one JSON object of figures, ratios, counts.
 */
import { Command } from 'commander';
import { benchSwitchover } from './switchover.ts';

const benches = { switchover: benchSwitchover } as const;

const program = new Command('npm run -s bench --');
program
  .argument('<name>', `one of: ${Object.keys(benches).join(', ')}`)
  .option('--quick', 'fewer rounds: ends within 50 s')
  .option('--json', 'end with one line of JSON')
  .action(async (name: string, options: { quick?: true; json?: true }) => {
    const bench = benches[name as keyof typeof benches];
    if (bench === undefined) program.error(`no bench is called ${name}`);
    const say = (line: string) => (options.json ? console.error(line) : console.log(line));
    const figures = await bench({ quick: options.quick === true, say });
    if (options.json) console.log(JSON.stringify(figures));
  });
await program.parseAsync();
