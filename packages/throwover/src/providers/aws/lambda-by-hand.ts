import { shellWord } from '../../kernel/kernel.ts';
import { type HandWork, untilAnswers } from '../../runbook/runbook.ts';
import type { FunctionHands } from '../../runs/runs.ts';
import type { FunctionAt } from './lambda.ts';

/** How long people wait for provisioned capacity, s: AWS documents minutes for large requests. */
const readySeconds = 600;

/** Manual steps for a function's capacity with `aws lambda`. */
export function lambdaHands(
  options: FunctionAt & {
    /**
     * The number of instances, or the peak concurrency of the active region's door times the burst.
     */
    readonly instances: number | { readonly door: string; readonly burst: number };
  },
): FunctionHands {
  const { region, awsRegion, endpoint, functionName, alias, instances } = options;
  const aws = (call: string, rest = '') =>
    `aws lambda ${call} --region ${shellWord(awsRegion)}${endpoint === undefined ? '' : ` --endpoint-url ${shellWord(endpoint)}`} --function-name ${shellWord(functionName)} --qualifier ${shellWord(alias)}${rest}`;
  const work = (says: string, ...lines: string[]): HandWork => ({ on: null, says, lines });
  const needed =
    typeof instances === 'number'
      ? `N=${instances}`
      : `N=$(curl -fsS ${shellWord(`${instances.door}/v1/door`)} | sed -n 's/.*"peakConcurrency":\\([0-9]*\\).*/\\1/p' | awk '{ n = int($1 * ${instances.burst} + 0.999); print n < 1 ? 1 : n }')`;
  const status = aws('get-provisioned-concurrency-config', ' --query Status --output text');
  return {
    warm: [
      work(
        `Ask for warm instances in ${region}, and wait until they are ready`,
        needed,
        aws('put-provisioned-concurrency-config', ' --provisioned-concurrent-executions "$N"'),
        untilAnswers(status, 'READY', readySeconds),
      ),
    ],
    release: [
      work(
        `Give the warm instances in ${region} back; where the team had some before, ask for that number instead`,
        aws('delete-provisioned-concurrency-config'),
      ),
    ],
  };
}
