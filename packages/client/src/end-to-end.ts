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

/**
 * What a proxy hands on of a message's headers: raw pairs (name, value, name, value...) without those
 * that belong to one connection, by RFC 9110 or by this message's `Connection`, without HTTP/2's
 * pseudo-headers, and without `dropped` (lower case).
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

/** Headers that a `Connection` names besides the two words that nearly all of them are. */
function namedBy(connection: string | undefined): ReadonlySet<string> | null {
  if (connection === undefined) return null;
  const names = connection.toLowerCase();
  if (names === 'keep-alive' || names === 'close') return null;
  return new Set(names.split(',').map((name) => name.trim()));
}
