import { z } from 'zod';
import { endpoint } from '../schemas.ts';

/**
 * Scale-up window of Lambda: 1,000 new environments in each 10 s for one function (AWS Lambda docs,
 * "Lambda scaling behavior").
 */
export const scaleUpWindowMs = 10_000;

/**
 * Configuration of a function pool. Limits are those of AWS divided by ten, so that two cores can
 * reach them: account 1,000 -> 100, scale-up 1,000 -> 100 in 10 s. Both are machine limits, so
 * `timeScale` does not affect them; it scales only the idle time, which lasts minutes in
 * production.
 */
export const poolConfig = z.strictObject({
  /** The lab's name of the region; an instance sees it as `THROWOVER_REGION`. */
  region: z.string().min(1),
  /**
   * AWS's name of the region, in ARNs and as `AWS_REGION` of an instance; the same as `region` when
   * left out.
   */
  awsRegion: z.string().min(1).optional(),
  ...endpoint.shape,
  /** 60: a minute of life time is a second here. */
  timeScale: z.number().positive().default(60),
  function: z.strictObject({
    name: z.string().regex(/^[A-Za-z0-9-_]{1,64}$/),
    alias: z.string().regex(/^(?!\d+$)[A-Za-z0-9-_]{1,128}$/),
    /** Published versions; the alias starts at the last. All run the same code here. */
    versions: z.array(z.string().regex(/^\d+$/)).min(1).default(['1']),
    memoryMb: z.number().int().min(128).max(10_240).default(512),
    /** `folder/file.export` below `codeDir`, in Lambda's form. */
    handler: z
      .string()
      .regex(/^[\w./-]+\.\w+$/)
      .default('checkout/handler.handler'),
    /** Root of the function's code; the lab's own `src` when it is left out. */
    codeDir: z.string().optional(),
    env: z.record(z.string(), z.string()).default({}),
    /** An invocation that takes longer ends its instance, as in Lambda. */
    timeoutMs: z.number().int().positive().default(15_000),
    /** AWS allows 10 s; longer here, since cold starts of two regions share two cores. */
    initTimeoutMs: z.number().int().positive().default(30_000),
  }),
  limits: z
    .strictObject({
      /** Concurrent executions in this account and region. */
      account: z.number().int().positive().default(100),
      /**
       * Concurrency that reservations and provisioning must leave for other functions (100 in AWS).
       */
      unreservedMinimum: z.number().int().nonnegative().default(10),
      /** Number of new environments in each `scaleUpWindowMs`, without provisioned ones. */
      scaleUp: z.number().int().positive().default(100),
      /**
       * Number of simultaneous starts, separately for provisioned and other instances. AWS has no
       * such limit. Here more starts would only share the same cores (each needs about 0.2 s of
       * one) and all be late.
       */
      startsAtOnce: z.number().int().positive().default(2),
    })
    .prefault({}),
  /**
   * Minutes of life time after which an idle instance is ended. AWS publishes no value; 5 to 15 are
   * observed.
   */
  idleMinutes: z.number().positive().default(10),
});

export type PoolConfig = z.infer<typeof poolConfig>;
