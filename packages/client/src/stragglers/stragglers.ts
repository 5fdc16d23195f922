/**
 * In a region that is not active, requests that still arrive go on to the active one.
 *
 * For applications without a front door of throwover's: the same rules, inside the application.
 *
 *   standing.ts    what this region is to do now: from a file, a URL, or a look of your own
 *   decide.ts      serve, forward, or refuse; pure
 *   pass.ts        one request on its way to the active region, streamed
 *   forwarding.ts  the three together, with what was counted
 *   middleware.ts  Express and Fastify
 *   lambda.ts      the same before the handler of a Lambda function URL
 */
export {
  createForwarding,
  type Forwarding,
  type ForwardingCounts,
  type ForwardingOptions,
  type Straggler,
} from './forwarding.ts';
export { type FunctionUrlEvent, type FunctionUrlResult, lambdaForwarding } from './lambda.ts';
export {
  type ExpressMiddleware,
  expressForwarding,
  type FastifyRawHook,
  type FastifyRawInstance,
  fastifyForwarding,
} from './middleware.ts';
export { fileStanding, httpStanding, type Look, type Standing } from './standing.ts';
