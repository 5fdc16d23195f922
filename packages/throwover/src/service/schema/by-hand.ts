import { z } from 'zod';
import { text } from './fields.ts';

/**
 * The commands that people type in a region when throwover is not available; the printed runbook
 * contains them.
 */
export const byHandSchema = z
  .strictObject({
    machine: text('how people get to it: ssh root@db.east.example.com')
      .optional()
      .describe("How people get to the machine of this region's database"),
    stopGuard: text('a command')
      .default('systemctl stop throwover-guard')
      .describe("Stops this region's guard"),
    startGuard: text('a command')
      .default('systemctl start throwover-guard')
      .describe("Starts this region's guard"),
    stopDatabase: text('a command')
      .optional()
      .describe('Stops PostgreSQL in order; pg_ctl when it is left out'),
    startDatabase: text('a command')
      .optional()
      .describe('Starts PostgreSQL; pg_ctl when it is left out'),
  })
  .prefault({});
