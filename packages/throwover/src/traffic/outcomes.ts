import { z } from 'zod';
import { stepOutcome } from '../runbook/runbook.ts';

/** When the new address was read back from the authoritative servers, wall ms. */
export const flipped = stepOutcome('flip', z.object({ atWallMs: z.number() }));
