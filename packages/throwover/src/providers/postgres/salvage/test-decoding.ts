/**
 * Parses the output of PostgreSQL's plugin `test_decoding`: one line for each begin, change and
 * commit.
 *
 * The plugin is chosen because it needs no publication: a publication makes UPDATE and DELETE fail
 * on tables without a replica identity. Its text is not meant for machines, but it is exact: names
 * are quoted as identifiers, values as literals with doubled quotes and nothing else escaped, so a
 * value may contain anything, including line breaks and keywords of this format. Source:
 * contrib/test_decoding/test_decoding.c (print_literal, tuple_to_stringinfo).
 */

/**
 * Column values as text; `null` is SQL's null. A value that is not in the log (unchanged and stored
 * separately) is missing.
 */
export type Columns = Readonly<Record<string, string | null>>;

export type Decoded =
  | { readonly kind: 'begin'; readonly xid: string }
  | { readonly kind: 'commit'; readonly xid: string; readonly atText: string | null }
  | {
      readonly kind: 'change';
      readonly table: string;
      readonly operation: 'insert' | 'update' | 'delete';
      /**
       * For update and delete: the old row's identity, or the whole row; `null` if it is not in the
       * log.
       */
      readonly before: Columns | null;
      readonly after: Columns | null;
      /** Columns of `after` whose value is not in the log because it did not change. */
      readonly unchanged: readonly string[];
    }
  | { readonly kind: 'truncate'; readonly tables: readonly string[] }
  | { readonly kind: 'message'; readonly prefix: string; readonly content: string };

/**
 * Parses one line. Throws a SyntaxError with the place of the mistake, because a line that is not
 * understood must not count as empty.
 */
export function parseDecoded(line: string): Decoded {
  const text = new Text(line);
  if (text.take('BEGIN')) return { kind: 'begin', xid: text.skip(' ').digits() };
  if (text.take('COMMIT')) return commit(text);
  if (text.take('table ')) return change(text);
  if (text.take('message: ')) return message(text);
  throw text.wrong('BEGIN, COMMIT, table or message');
}

function commit(text: Text): Decoded {
  const xid = text.skip(' ').digits();
  const at = text.take(' (at ') ? text.until(')') : null;
  return { kind: 'commit', xid, atText: at };
}

function change(text: Text): Decoded {
  const tables = [text.qualifiedName()];
  while (text.take(', ')) tables.push(text.qualifiedName());
  text.expect(': ');
  if (text.take('TRUNCATE:')) return { kind: 'truncate', tables };
  const [table] = tables;
  if (table === undefined) throw text.wrong('a table');
  if (text.take('INSERT:'))
    return { kind: 'change', table, operation: 'insert', before: null, ...after(text) };
  if (text.take('UPDATE:')) {
    const old = text.take(' old-key:') ? text.columns() : null;
    if (old !== null) text.expect(' new-tuple:');
    return {
      kind: 'change',
      table,
      operation: 'update',
      before: old?.values ?? null,
      ...after(text),
    };
  }
  if (text.take('DELETE:')) {
    const before = text.take(' (no-tuple-data)') ? null : text.columns().values;
    return { kind: 'change', table, operation: 'delete', before, after: null, unchanged: [] };
  }
  throw text.wrong('INSERT, UPDATE, DELETE or TRUNCATE');
}

function after(text: Text): { after: Columns | null; unchanged: readonly string[] } {
  if (text.take(' (no-tuple-data)')) return { after: null, unchanged: [] };
  const { values, unchanged } = text.columns();
  return { after: values, unchanged };
}

/**
 * `message: transactional: 1 prefix: throwover, sz: 5 content:fence`. The prefix may contain
 * anything, so the size decides where it ends.
 */
function message(text: Text): Decoded {
  text.expect('transactional: ');
  text.digits();
  text.expect(' prefix: ');
  const rest = text.rest();
  for (const { index } of rest.matchAll(/, sz: (\d+) content:/g)) {
    const found = /^, sz: (\d+) content:/.exec(rest.slice(index));
    if (found === null) continue;
    const content = rest.slice(index + found[0].length);
    if (Buffer.byteLength(content) === Number(found[1])) {
      return { kind: 'message', prefix: rest.slice(0, index), content };
    }
  }
  throw text.wrong('a message with its size');
}

class Text {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  take(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  skip(word: string): this {
    this.take(word);
    return this;
  }

  expect(word: string): void {
    if (!this.take(word)) throw this.wrong(JSON.stringify(word));
  }

  /** Digits, or nothing: with `include-xids` off there are none. */
  digits(): string {
    return this.#match(/\d*/y);
  }

  until(end: string): string {
    const to = this.#text.indexOf(end, this.#at);
    if (to === -1) throw this.wrong(JSON.stringify(end));
    const found = this.#text.slice(this.#at, to);
    this.#at = to + end.length;
    return found;
  }

  rest(): string {
    return this.#text.slice(this.#at);
  }

  /** `schema.table`, quoted by PostgreSQL, so that a statement may use it as it is. */
  qualifiedName(): string {
    const schema = this.#identifier();
    this.expect('.');
    return `${schema}.${this.#identifier()}`;
  }

  /** Reads ` name[type]:value` repeatedly; stops before ` new-tuple:` and at the end. */
  columns(): { values: Columns; unchanged: readonly string[] } {
    const values: Record<string, string | null> = {};
    const unchanged: string[] = [];
    while (this.#at < this.#text.length && !this.#text.startsWith(' new-tuple:', this.#at)) {
      this.expect(' ');
      const name = unquoted(this.#identifier());
      this.#type();
      this.expect(':');
      const value = this.#value();
      if (value === undefined) unchanged.push(name);
      else values[name] = value;
    }
    return { values, unchanged };
  }

  wrong(expected: string): SyntaxError {
    const shown = this.#text.slice(this.#at, this.#at + 60);
    return new SyntaxError(`expected ${expected} at ${this.#at}, found ${JSON.stringify(shown)}`);
  }

  #identifier(): string {
    const found = this.#match(/"(?:[^"]|"")*"|[^\s.[:",]+/y);
    if (found === '') throw this.wrong('a name');
    return found;
  }

  /**
   * Reads `[type]`: the type may be an array, and may be quoted with brackets inside the quotes.
   */
  #type(): void {
    this.expect('[');
    for (;;) {
      this.#match(/(?:[^\]["]|"(?:[^"]|"")*"|\[\])*/y);
      if (this.take(']')) return;
      throw this.wrong('the end of a type');
    }
  }

  /** Returns `undefined` for a value that did not change and is stored separately. */
  #value(): string | null | undefined {
    if (this.take('unchanged-toast-datum')) return undefined;
    const bits = this.take("B'") || this.take("'");
    if (!bits) {
      const plain = this.#match(/[^\s']+/y);
      if (plain === '') throw this.wrong('a value');
      return plain === 'null' ? null : plain;
    }
    let value = '';
    for (;;) {
      value += this.until("'");
      if (!this.take("'")) return value;
      value += "'";
    }
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }
}

function unquoted(identifier: string): string {
  return identifier.startsWith('"') ? identifier.slice(1, -1).replaceAll('""', '"') : identifier;
}
