/**
 * Loaded into the process of `throwover serve` before it (`--import`): measures the delay of its
 * event loop and its processor time from inside, since the last message. It answers every message.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface InsideFigures {
  readonly longestMs: number;
  readonly cpuMs: number;
}

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
let begun = process.cpuUsage();
process.on('message', () => {
  const { user, system } = process.cpuUsage(begun);
  const figures: InsideFigures = { longestMs: delay.max / 1e6, cpuMs: (user + system) / 1_000 };
  delay.reset();
  begun = process.cpuUsage();
  process.send?.(figures);
});
// The measurement must not keep the process alive.
process.channel?.unref();
