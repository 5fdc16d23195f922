import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Forwarding } from './forwarding.ts';

export type ExpressMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** `app.use(expressForwarding(forwarding))`, before anything that reads bodies. */
export function expressForwarding(forwarding: Forwarding): ExpressMiddleware {
  return (request, response, next) => {
    forwarding.handle(request, response).then((answered) => {
      if (!answered) next();
    }, next);
  };
}

/** The parts of a Fastify instance, its request and its reply that are used. */
export interface FastifyRawInstance {
  addHook(name: 'onRequest', hook: FastifyRawHook): unknown;
  addHook(name: 'onClose', hook: () => Promise<void>): unknown;
}
export type FastifyRawHook = (
  request: { readonly raw: IncomingMessage },
  reply: { readonly raw: ServerResponse; hijack(): unknown },
) => Promise<unknown>;

/** `app.register(fastifyForwarding(forwarding))`: runs before body parsing, for all routes. */
export function fastifyForwarding(forwarding: Forwarding) {
  const plugin = (instance: FastifyRawInstance, _options: unknown, done: () => void): void => {
    instance.addHook('onRequest', async (request, reply) => {
      const answered = await forwarding.handle(request.raw, reply.raw, () => {
        reply.hijack();
      });
      return answered ? reply : undefined;
    });
    instance.addHook('onClose', async () => forwarding.close());
    done();
  };
  // As the package fastify-plugin does: the hook applies to all routes, not only to this plugin's
  // own.
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true });
}
