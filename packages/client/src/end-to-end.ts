/** Hop-by-hop headers: those of RFC 9110, section 7.6.1, and those that older proxies added. */
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

/**
 * Returns the headers that a proxy must pass on with a message, as raw pairs (name, value, name,
 * value...). Leaves out the headers that belong to one connection (by RFC 9110 or by this message's
 * `Connection`), HTTP/2's pseudo-headers, and `dropped` (lower case).
 */
export function endToEnd(
  raw: readonly string[],
  connection: string | undefined,
  dropped: ReadonlySet<string>,
): string[] {
  const named = namedBy(connection);
  const kept: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const lower = name.toLowerCase();
    if (hopByHop.has(lower) || dropped.has(lower) || named?.has(lower) || lower.startsWith(':')) {
      continue;
    }
    kept.push(name, raw[i + 1] ?? '');
  }
  return kept;
}

/**
 * Returns the headers that `Connection` names, without those that it must not name; `null` when it is
 * absent or says only `keep-alive` or `close`, as nearly all do.
 */
function namedBy(connection: string | undefined): ReadonlySet<string> | null {
  if (connection === undefined) return null;
  const names = connection.toLowerCase();
  if (names === 'keep-alive' || names === 'close') return null;
  const all = names.split(',').map((name) => name.trim());
  return new Set(all.filter((name) => !meantForAll.test(name)));
}

/**
 * Headers that belong to no connection, whatever `Connection` says: without them another site
 * answers, the message has another end, or a header that a proxy before this one added is lost.
 */
const meantForAll =
  /^(?:host|content-.*|authorization|cookie|set-cookie|forwarded|x-forwarded-.*|x-real-ip|throwover-.*)$/;
