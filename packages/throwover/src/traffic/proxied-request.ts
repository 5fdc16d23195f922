import type { IncomingMessage } from 'node:http';

/**
 * Returns the request target unchanged, because parsing could change signed bytes. Only a proxy's
 * absolute form is shortened.
 */
export function targetOf({ url = '/' }: IncomingMessage): string {
  if (url.startsWith('/') || !URL.canParse(url)) return url;
  const { pathname, search } = new URL(url);
  return `${pathname}${search}`;
}

export function hasBody(req: IncomingMessage): boolean {
  if (req.httpVersionMajor >= 2) {
    const { stream } = req as IncomingMessage & { stream?: { endAfterHeaders?: boolean } };
    return stream?.endAfterHeaders !== true;
  }
  const length = req.headers['content-length'];
  return req.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}
