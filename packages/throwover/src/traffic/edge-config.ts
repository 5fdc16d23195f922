import { readFileSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { trafficErrors } from './errors.ts';

const port = z.int().min(0).max(65_535);
const cidr = z.string().refine((text) => ipaddr.isValidCIDR(text), 'a network such as 10.0.0.0/8');
const file = z.string().min(1).refine(isAbsolute, 'an absolute path');

/**
 * Longest idle time of a client's connection, ms: above the usual 60 s of load balancers, so that
 * they close it first.
 */
const keepAliveMs = 75_000;

const edgeConfigSchema = z.strictObject({
  region: z.string().min(1).max(100),
  host: z.string().default('127.0.0.1'),
  /** 0 takes a free port; the ready line contains it. */
  port,
  /** The admin port has no authentication: keep it on a private address. */
  adminHost: z.string().default('127.0.0.1'),
  adminPort: port,
  /** Base URL of the region's own application. */
  upstream: z.url({ protocol: /^https?$/ }),
  /** File in which the door keeps its mode. */
  stateFile: file,
  /** Epoch in which a door without a state file serves. */
  epoch: z.int().min(0).default(1),
  /** With this setting: TLS, HTTP/2 and HTTP/1.1. */
  tls: z.strictObject({ certificate: file, key: file }).optional(),
  /** HTTP/2 without TLS, by prior knowledge; then there is no HTTP/1.1 on this port. */
  h2c: z.boolean().default(false),
  /** Networks of proxies whose `X-Forwarded-For` is trusted. */
  trustedProxies: z.array(cidr).default([]),
  /** Width of a bucket of the straggler curve, ms. */
  bucketMs: z.int().min(10).max(60_000).default(1_000),
  /** Most requests in service; further ones get 503 with Retry-After. */
  maxServing: z.int().min(1).default(10_000),
  maxForwarding: z.int().min(1).default(2_000),
  keepAliveMs: z.int().min(0).default(keepAliveMs),
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
