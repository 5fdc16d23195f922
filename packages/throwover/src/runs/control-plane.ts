import { replicationErrors } from '../replication/replication.ts';
import type { Guard } from '../runbook/step.ts';

/** The tool does not stand on what it is leaving (A6): store and notifier are not in the region that is lost. */
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
