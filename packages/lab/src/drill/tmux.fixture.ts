import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { shellWord } from 'throwover/kernel';
import { until } from '../world/json.ts';

const run = promisify(execFile);

/** A person's terminal, in tmux: 80 columns, lines read as they are shown. */
export class TmuxTerminal {
  readonly #socket: string;

  private constructor(socket: string) {
    this.#socket = socket;
  }

  /**
   * Starts a command in it. The terminal stays after the command has ended, so that its last output
   * can be read.
   */
  static async open(options: {
    name: string;
    cwd: string;
    env: Readonly<Record<string, string>>;
    command: readonly string[];
  }): Promise<TmuxTerminal> {
    const terminal = new TmuxTerminal(options.name);
    const env = Object.entries(options.env).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
    await terminal.#tmux(
      ...['-f', '/dev/null', 'new-session', '-d', '-s', 'person', '-x', '80', '-y', '50'],
      ...['-c', options.cwd, ...env],
      ...[`${options.command.map(shellWord).join(' ')}; echo "exit code $?"; exec sleep infinity`],
    );
    await terminal.#tmux('set-option', '-g', 'history-limit', '5000');
    return terminal;
  }

  /** Returns everything that it has shown; lines that were broken at its edge are joined again. */
  async text(): Promise<string> {
    const { stdout } = await this.#tmux('capture-pane', '-p', '-J', '-S', '-', '-t', 'person');
    return stdout.trimEnd();
  }

  /**
   * Waits until new text matches, and returns the match; `since`: number of characters that were
   * read before.
   */
  async sees(wanted: RegExp, since: number, timeoutMs: number): Promise<RegExpExecArray> {
    let found: RegExpExecArray | null = null;
    let text = '';
    await until(
      `the terminal shows ${wanted}`,
      async () => {
        text = await this.text();
        found = wanted.exec(text.slice(since));
        return found !== null;
      },
      { timeoutMs },
    ).catch((error) => {
      throw new Error(`${String(error)}; it shows:\n${text}`);
    });
    // `until` has returned, so it was found.
    return found as unknown as RegExpExecArray;
  }

  async types(line: string): Promise<void> {
    await this.#tmux('send-keys', '-t', 'person', '-l', line);
    await this.#tmux('send-keys', '-t', 'person', 'Enter');
  }

  /** Ends it with its command: one that only lost its terminal would go on, as a drill does to take its service back. */
  async close(): Promise<void> {
    const { stdout } = await this.#tmux('list-panes', '-F', '#{pane_pid}');
    process.kill(-Number.parseInt(stdout, 10), 'SIGKILL');
    await this.#tmux('kill-server').catch(() => {});
  }

  #tmux(...args: string[]) {
    return run('tmux', ['-L', this.#socket, ...args]);
  }
}
