import { replicationErrors } from '../replication/replication.ts';
import type { Guard } from '../runbook/runbook.ts';

/** Refuses a run if throwover's store or notifier is in the region that is being left (A6). */
export function controlPlaneElsewhere(options: {
  from: string;
  standsIn: readonly string[];
}): Guard {
  const { from, standsIn } = options;
  return {
    name: 'control-plane-elsewhere',
    title: `Nothing that this run needs stands in ${from}`,
    check: async () => {
      if (standsIn.length === 0) return [];
      const error = replicationErrors.make(
        'control-plane-in-lost-region',
        `${standsIn.join(', ')} in ${from}, the region that is left`,
        { standsIn },
      );
      return [{ error, override: 'control-plane-in-lost-region' }];
    },
  };
}
