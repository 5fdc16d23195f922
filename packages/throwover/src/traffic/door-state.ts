import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { replaceDurably } from '../kernel/kernel.ts';
import type { DoorMode } from './door-wire.ts';
import { doorModeSchema } from './door-wire.ts';
import { trafficErrors } from './errors.ts';
import { endsByItself, type TimedMode } from './share.ts';

/**
 * The state of a door that survives a crash: its last durable mode, and the newest right to command
 * it. A hold, a cut or a share is never stored as a mode, because a door that restarts must not be
 * closed.
 */
export interface DoorState {
  readonly mode: Exclude<DoorMode, TimedMode>;
  /** Highest epoch seen in a command, and the highest token within it. */
  readonly epoch: number;
  readonly token: number;
  /**
   * Time since when the mode is in force. The age of stragglers counts from there, also over
   * restarts.
   */
  readonly sinceWallMs: number;
}

const schema = z.strictObject({
  mode: doorModeSchema,
  epoch: z.int().min(0),
  token: z.int().min(0),
  // Files of older doors do not contain it.
  sinceWallMs: z.number().min(0).default(0),
});

/** Returns the stored state; `null` if there is no file yet. */
export async function loadDoorState(file: string): Promise<DoorState | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw trafficErrors.make('door-state-damaged', `cannot read ${file}`, { file }, error);
  }
  try {
    const { mode, ...rest } = schema.parse(JSON.parse(text));
    if (endsByItself(mode)) throw new TypeError(`${mode.mode} is not a durable mode`);
    return { mode, ...rest };
  } catch (error) {
    throw trafficErrors.make(
      'door-state-damaged',
      `${file} is not the state of a door`,
      { file },
      error,
    );
  }
}

/**
 * Stores the state; durable when it resolves: written to a second file, synced, renamed, and the
 * directory synced.
 */
export async function saveDoorState(file: string, state: DoorState): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    await replaceDurably(file, JSON.stringify(state));
  } catch (error) {
    throw trafficErrors.make('door-state-unwritable', `cannot write ${file}`, { file }, error);
  }
}
