import { shellWord } from '../../kernel/kernel.ts';
import type { DnsHands } from '../../runs/runs.ts';
import type { ArcEndpoint } from './arc-cluster.ts';

/**
 * Manual steps for routing controls with `aws route53-recovery-cluster`: one call turns one region
 * on and all others off.
 */
export function arcHands(options: {
  readonly endpoints: readonly ArcEndpoint[];
  /** ARN of each region's routing control. */
  readonly controls: Readonly<Record<string, string>>;
}): DnsHands {
  const { endpoints, controls } = options;
  return {
    // A routing control has a state, but does not store who set it.
    wasWrittenFor: () => null,
    point: ({ region }) => {
      const entries = Object.entries(controls)
        .map(
          ([name, arn]) =>
            `RoutingControlArn=${arn},RoutingControlState=${name === region ? 'On' : 'Off'}`,
        )
        .map(shellWord)
        .join(' ');
      const tries = endpoints.map(
        ({ url, awsRegion }) =>
          `aws route53-recovery-cluster update-routing-control-states --endpoint-url ${shellWord(url)} --region ${shellWord(awsRegion)} --update-routing-control-state-entries ${entries}`,
      );
      return [
        {
          on: null,
          says: `Turn ${region} on and every other region off; each endpoint of the cluster is as good as another`,
          lines: [tries.join(' ||\n')],
        },
      ];
    },
  };
}
