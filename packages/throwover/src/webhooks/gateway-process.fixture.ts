import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { secret } from './gateway.fixture.ts';

const program = `
  import { startGateway } from ${JSON.stringify(new URL('./gateway.ts', import.meta.url).href)};
  const gateway = await startGateway(JSON.parse(process.argv[1]));
  console.log(JSON.stringify({ url: gateway.url, adminUrl: gateway.adminUrl }));
  process.once('SIGTERM', () => gateway.close());
`;

/** Starts a Node process and resolves when it has printed its one line of JSON. */
export async function startProcess<Ready>(
  args: readonly string[],
): Promise<Ready & { child: ChildProcess }> {
  const child = spawn(process.execPath, ['--conditions=throwover-source', ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, STRIPE_SECRET: secret },
  });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return { ...(JSON.parse(String(line)) as Ready), child };
}

/** Starts a gateway as a separate process that can be killed. */
export const startGatewayProcess = (config: unknown) =>
  startProcess<{ url: string; adminUrl: string }>([
    '--input-type=module',
    '-e',
    program,
    JSON.stringify(config),
  ]);

export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<unknown[]> {
  if (child.exitCode !== null || child.signalCode !== null) return [];
  const exited = once(child, 'exit');
  child.kill(signal);
  return exited;
}
