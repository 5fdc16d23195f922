/** Replaces a secret. */
const hidden = '***';

/**
 * Returns a text for people, logs and journals in which every URL has lost its user and password,
 * the values of its query, and its fragment; and every `password=...` its value. The rest of the
 * text stays as it is. Again on its own result it changes nothing.
 *
 * It hides too much rather than too little: what follows `scheme://` up to a space or a quote is the
 * URL, also where a password is not encoded as it should be.
 */
export function redacted(text: string): string {
  return text.replaceAll(urls, redactedUrl).replaceAll(passwords, `$1${hidden}`);
}

/** A scheme is short; without a bound a long text with many dots would take minutes. */
const urls = /\b[a-z][a-z0-9+.-]{0,30}:\/\/[^\s"'`<>]+/gi;

/** As in a connection string of PostgreSQL: `password=x`, `password='x y'`. */
const passwords = /\b((?:pg)?passw(?:or)?d\s*=\s*)(?:'(?:[^'\\]|\\.)*'?|[^\s'",;)&]+)/gi;

function redactedUrl(url: string): string {
  const [scheme = ''] = /^[^:]+:\/\//.exec(url) ?? [];
  const { before, rest } = withoutUser(url.slice(scheme.length));
  const [, path = '', query = '', fragment = ''] = /^([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(rest) ?? [];
  const values = query.replaceAll(/=[^&]*/g, `=${hidden}`);
  // A query without names may be a secret as a whole.
  const shown = query.length > 1 && !query.includes('=') ? `?${hidden}` : values;
  return `${scheme}${before}${path}${shown}${fragment.length > 1 ? `#${hidden}` : fragment}`;
}

/** A host with its port, or an address in brackets. */
const place = /^(?:\[[^\]@]*\]|[^:@/?#]*)(?::\d*)?(?=[/?#]|$)/;

function withoutUser(afterScheme: string): { readonly before: string; readonly rest: string } {
  // If no host and port stand here, a user and a password do, up to the last @: a password that is
  // not encoded may contain / ? and #.
  const at = place.test(afterScheme) ? -1 : afterScheme.lastIndexOf('@');
  return at < 0
    ? { before: '', rest: afterScheme }
    : { before: `${hidden}@`, rest: afterScheme.slice(at + 1) };
}
