import { readFileSync } from 'node:fs';
import { isThrowoverError } from 'throwover/kernel';
import { z } from 'zod';
import { labErrors } from './errors.ts';

export interface Running {
  /** Its addresses, by name; printed as the single line on stdout that reports it ready. */
  readonly addresses: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/**
 * Runs one long-running process of the lab, from its argument to its end.
 *
 * Its only argument is its configuration: JSON, or the path of a file that holds it. It prints one
 * JSON line with its addresses when it listens, and exits with 0 on SIGTERM. When it cannot start,
 * it exits with 1 and prints an error (JSON, code and remedy) on stderr.
 */
export async function runProcess<T>(
  name: string,
  schema: z.ZodType<T>,
  start: (config: T) => Promise<Running>,
): Promise<void> {
  try {
    const running = await start(readConfig(name, schema, process.argv[2]));
    let ending = false;
    const end = async () => {
      if (ending) return;
      ending = true;
      await running.close();
      process.exit(0);
    };
    process.on('SIGTERM', end);
    process.on('SIGINT', end);
    process.stdout.write(`${JSON.stringify({ ready: name, ...running.addresses })}\n`);
  } catch (error) {
    const known = isThrowoverError(error) ? error : startError(name, error);
    process.stderr.write(`${JSON.stringify({ level: 'error', ...known.toJSON() })}\n`);
    process.exit(1);
  }
}

function readConfig<T>(name: string, schema: z.ZodType<T>, argument: string | undefined): T {
  if (argument === undefined) throw new Error('no configuration: give JSON or the path of a file');
  const text = argument.trimStart().startsWith('{') ? argument : readFileSync(argument, 'utf8');
  const parsed = schema.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  throw new Error(`${name}: wrong configuration\n${z.prettifyError(parsed.error)}`);
}

function startError(name: string, error: unknown) {
  const { code, message, address, port } = error as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  const text =
    code === 'EADDRINUSE'
      ? `${name}: ${address}:${port} is taken by another process`
      : `${name}: ${message}`;
  return labErrors.make('lab-process-failed', text, { process: name }, error);
}
