import type { IncomingMessage, ServerResponse } from 'node:http';
import { headers } from '@throwover/client';

/**
 * Path of pictures and style sheets: a door answers these requests itself, as a CDN's origin does.
 */
export const assetPath = '/assets/';

const body = Buffer.from('.checkout { display: grid }\n');

/** Answers a request for an asset; returns `false` when the request is for the application. */
export function serveAsset(req: IncomingMessage, res: ServerResponse, region: string): boolean {
  if (req.method !== 'GET' || !req.url?.startsWith(assetPath)) return false;
  res.writeHead(200, {
    'content-type': 'text/css',
    'content-length': body.byteLength,
    [headers.region]: region,
  });
  res.end(body);
  return true;
}
