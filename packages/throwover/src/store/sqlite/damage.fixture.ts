import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Changes rows of a store that no process has open; returns how many. */
export function tamper(dataDir: string, sql: string): number {
  const db = new DatabaseSync(join(dataDir, 'throwover.sqlite'), {
    enableForeignKeyConstraints: false,
  });
  try {
    return Number(db.prepare(sql).run().changes);
  } finally {
    db.close();
  }
}

export function damagePlan(dataDir: string, runId: string): void {
  tamper(dataDir, `UPDATE runs SET plan = '{"steps":[]}' WHERE id = '${runId}'`);
}
