import { isPosition, type Position } from '@throwover/client';
import { z } from 'zod';
import { stepOutcome } from '../runbook/runbook.ts';

/** The deliveries that a failover repeated; `null`: nothing can be missing. */
export const redelivered = stepOutcome(
  'redeliver-webhooks',
  z.object({
    window: z
      .object({
        epoch: z.number(),
        fromWallMs: z.number().nullable(),
        beyond: z.custom<Position>(isPosition).nullable(),
      })
      .nullable(),
  }),
);
