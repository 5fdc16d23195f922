import { quantiles } from 'throwover/kernel';
import { runTool } from '../peers/process.ts';
import { dnsperf } from './servers.ts';

/** Number of dnsperf clients, each with its own socket. */
const clients = 8;

/** Queries at once: more than any of the servers needs to be busy. */
const outstanding = 100;

export type FullRun = Awaited<ReturnType<typeof askFull>>;
export type CalmRun = Awaited<ReturnType<typeof askCalm>>;

interface Ask {
  readonly port: number;
  readonly queries: string;
  readonly seconds: number;
}

const common = ({ port, queries, seconds }: Ask) => [
  ...['-s', '127.0.0.1', '-p', String(port), '-d', queries, '-l', String(seconds)],
  ...['-c', String(clients), '-T', '1', '-q', String(outstanding), '-e', '-t', '2'],
];

/** Asks as fast as answers come. */
export async function askFull(ask: Ask) {
  const said = await runTool({ file: dnsperf, args: common(ask) });
  return {
    queriesPerSecond: figure(said, /Queries per second:\s+([\d.]+)/),
    lost: figure(said, /Queries lost:\s+(\d+)/),
  };
}

/** Asks at a rate that every server can handle; dnsperf reports each query's latency. */
export async function askCalm(ask: Ask & { readonly perSecond: number }) {
  const args = [...common(ask), '-Q', String(ask.perSecond), '-v'];
  const said = await runTool({ file: dnsperf, args });
  const latencies = [...said.matchAll(/^> NOERROR \S+ \S+ ([\d.]+)$/gm)].map(
    ([, seconds]) => Number(seconds) * 1_000,
  );
  const all = quantiles(latencies);
  if (all === null) throw new Error(`dnsperf told no latency:\n${said.slice(0, 2_000)}`);
  return {
    p50Ms: all.p50,
    p99Ms: all.p99,
    answers: all.count,
    lost: figure(said, /Queries lost:\s+(\d+)/),
  };
}

function figure(said: string, pattern: RegExp): number {
  const found = pattern.exec(said)?.[1];
  if (found === undefined)
    throw new Error(`dnsperf did not say ${pattern}:\n${said.slice(-2_000)}`);
  return Number(found);
}
