import { readFileSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { identitySchema, insecure } from '../access/identity.ts';
import { trafficErrors } from './errors.ts';

const port = z.int().min(0).max(65_535);
const cidr = z.string().refine((text) => ipaddr.isValidCIDR(text), 'a network such as 10.0.0.0/8');
const file = z.string().min(1).refine(isAbsolute, 'an absolute path');

/**
 * Longest idle time of a client's connection, ms: above the usual 60 s of load balancers, so that
 * they close it first.
 */
const keepAliveMs = 75_000;

export const edgeConfigSchema = z.strictObject({
  region: z.string().min(1).max(100).describe('Name of this region, as in throwover.yaml'),
  host: z.string().default('127.0.0.1').describe('Address for clients'),
  port: port.describe('Port for clients; 0 takes a free one, which the ready line names'),
  adminHost: z.string().default('127.0.0.1').describe('Address for commands'),
  adminPort: port.describe('Port for commands; 0 takes a free one'),
  identity: identitySchema
    .optional()
    .describe(
      "This door's [certificate](certificates.md), for the port for commands. Without one, whoever reaches that port may move traffic",
    ),
  insecure,
  upstream: z.url({ protocol: /^https?$/ }).describe("Base URL of the region's own application"),
  stateFile: file.describe('File in which the door keeps its mode, an absolute path'),
  epoch: z.int().min(0).default(1).describe('Epoch in which a door without a state file serves'),
  tls: z
    .strictObject({
      certificate: file.describe('File of the certificate chain (PEM), an absolute path'),
      key: file.describe('File of the private key (PEM), an absolute path'),
    })
    .optional()
    .describe('HTTP/2 and HTTP/1.1 over TLS; when it is left out, HTTP/1.1 without TLS'),
  h2c: z
    .boolean()
    .default(false)
    .describe('HTTP/2 without TLS, by prior knowledge, and nothing else; not together with `tls`'),
  trustedProxies: z
    .array(cidr)
    .default([])
    .describe(
      'Networks (CIDR) of proxies, and of the other door, whose `X-Forwarded-*` and similar headers are believed and passed on; from everybody else they are dropped',
    ),
  bucketMs: z
    .int()
    .min(10)
    .max(60_000)
    .default(1_000)
    .describe('Width of a bucket of the straggler curve, ms'),
  maxServing: z
    .int()
    .min(1)
    .default(10_000)
    .describe('Most requests in service; further ones get 503 with Retry-After (`door-busy`)'),
  maxForwarding: z
    .int()
    .min(1)
    .default(2_000)
    .describe('Most requests that are being forwarded; further ones get 503 with Retry-After'),
  keepAliveMs: z
    .int()
    .min(0)
    .default(keepAliveMs)
    .describe('How long an idle connection of a client is kept, ms'),
});

export type EdgeConfig = z.infer<typeof edgeConfigSchema>;

/** Returns the configuration. Throws `edge-config-invalid` with the first wrong field. */
export function parseEdgeConfig(input: unknown): EdgeConfig {
  const parsed = edgeConfigSchema.safeParse(input);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const message = `${issue?.path.join('.') || 'the configuration'}: ${issue?.message}`;
    throw trafficErrors.make('edge-config-invalid', message, { issues: parsed.error.issues });
  }
  if (parsed.data.tls !== undefined && parsed.data.h2c) {
    throw trafficErrors.make('edge-config-invalid', 'h2c: it is HTTP/2 without TLS; tls is given');
  }
  return parsed.data;
}

/** Returns the present certificate and key from their files. Throws `edge-config-invalid`. */
export function readTls({ certificate, key }: NonNullable<EdgeConfig['tls']>) {
  try {
    return { cert: readFileSync(certificate), key: readFileSync(key) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw trafficErrors.make('edge-config-invalid', `tls: ${reason}`, {}, error);
  }
}
