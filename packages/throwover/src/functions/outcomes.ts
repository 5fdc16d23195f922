import { z } from 'zod';
import { stepOutcome } from '../runbook/runbook.ts';

/** When DNS was flipped, wall ms: traffic/ writes it, which this folder does not import. */
export const flipped = stepOutcome('flip', z.object({ atWallMs: z.number() }));

/** What `warm` leaves in the journal; which fields depends on the strategy. */
export const warmed = stepOutcome(
  'warm',
  z.object({
    strategy: z.string().nullish(),
    /** Instances that the traffic needs, and those that were made ready. */
    needed: z.number().nullish(),
    instances: z.number().nullish(),
    /** Provisioned by the team before the run. */
    former: z.number().nullish(),
    slowestStartMs: z.number().nullish(),
    requests: z.number().nullish(),
    billedMs: z.number().nullish(),
  }),
);
