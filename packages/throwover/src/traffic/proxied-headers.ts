import type { IncomingMessage } from 'node:http';

/** RFC 9110, 7.6.1, and what proxies of old added. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Raw pairs without those that belong to one connection, and without HTTP/2's own. */
export function endToEnd(
  raw: readonly string[],
  connection: string | undefined,
  also: ReadonlySet<string>,
): string[] {
  const named = namedBy(connection);
  const kept: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const lower = name.toLowerCase();
    if (hopByHop.has(lower) || also.has(lower) || named?.has(lower) || lower.startsWith(':')) {
      continue;
    }
    kept.push(name, raw[i + 1] ?? '');
  }
  return kept;
}

/** Headers that a `Connection` names besides the two words that nearly all of them are. */
function namedBy(connection: string | undefined): ReadonlySet<string> | null {
  if (connection === undefined) return null;
  const names = connection.toLowerCase();
  if (names === 'keep-alive' || names === 'close') return null;
  return new Set(names.split(',').map((name) => name.trim()));
}

/** As it came: parsing it would change what was signed. Only a proxy's absolute form is cut down. */
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
