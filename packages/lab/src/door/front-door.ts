/**
 * Process: a region's front door. The edge decides (serve, hold, forward); serve.ts invokes the
 * region's function, and assets.ts answers without one.
 */
import { createServer } from 'node:http';
import { createEdge, doorAdminServer, identitySchema } from 'throwover/edge';
import { type Clock, systemClock } from 'throwover/kernel';
import { z } from 'zod';
import { type Running, runProcess } from '../entry.ts';
import { type Listening, serveHttp } from '../listen.ts';
import { endpoint, port } from '../schemas.ts';
import { serveAsset } from './assets.ts';
import { functionServe } from './serve.ts';

export const doorConfig = z.strictObject({
  region: z.string().min(1),
  ...endpoint.shape,
  adminHost: z.string().min(1),
  adminPort: port,
  /** Certificate of the admin port; without one, whoever reaches it may move traffic. */
  identity: identitySchema.optional(),
  functionEndpoint: z.url(),
  functionName: z.string().min(1),
  alias: z.string().min(1),
  /** File in which the door stores its mode. */
  stateFile: z.string().min(1),
  /** Epoch in which a door without a state file serves. */
  epoch: z.int().positive().default(1),
  /** Networks whose `X-Forwarded-For` is trusted. */
  trustedProxies: z.array(z.string()).default([]),
  /** Width of a bucket of the straggler curve, ms. */
  bucketMs: z.number().positive().default(1_000),
});
export type DoorConfig = z.infer<typeof doorConfig>;

/**
 * Longer than clients and the other door keep an idle connection, so that this side never closes
 * one in the middle of a request, ms.
 */
const keepAliveMs = 75_000;

export async function startFrontDoor(config: DoorConfig, clock: Clock): Promise<Running> {
  const functions = functionServe({
    endpoint: config.functionEndpoint,
    functionName: config.functionName,
    alias: config.alias,
  });
  const edge = await createEdge({ ...config, clock });
  const serve: Parameters<typeof edge.handle>[2] = (req, res) =>
    serveAsset(req, res, config.region) ? undefined : functions.serve(req, res);
  const door = createServer((req, res) => edge.handle(req, res, serve));
  edge.watch(door);
  door.keepAliveTimeout = keepAliveMs;
  const admin = await doorAdminServer(edge, { identity: config.identity, clock });
  const listening: Listening[] = [];
  const close = async () => {
    edge.close();
    await Promise.all(listening.map((server) => server.close()));
    await functions.close();
    await admin.close();
  };
  try {
    const forClients = await serveHttp(door, config);
    listening.push(forClients);
    const forAdmin = await serveHttp(admin.server, {
      host: config.adminHost,
      port: config.adminPort,
    });
    listening.push(forAdmin);
    return { addresses: { url: forClients.url, adminUrl: forAdmin.url }, close };
  } catch (error) {
    await close();
    throw error;
  }
}

if (import.meta.main) {
  await runProcess('front-door', doorConfig, (config) => startFrontDoor(config, systemClock));
}
