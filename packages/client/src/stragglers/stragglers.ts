/**
 * In a region that is not active, requests that still arrive are forwarded to the active region.
 *
 * For applications without one of throwover's front doors: the same rules, inside the application.
 *
 *   standing.ts    whether this region serves or forwards: by a file, a URL or your own function
 *   decide.ts      serve, forward, or refuse; pure
 *   pass.ts        sends one request to the active region, streamed
 *   forwarding.ts  the three together, with counts
 *   middleware.ts  Express and Fastify
 *   lambda.ts      the same in front of the handler of a Lambda function URL
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
