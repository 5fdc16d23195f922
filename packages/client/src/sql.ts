/** The database client that this package needs; a `pg` Client or PoolClient fits. */
export interface Queryable {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
}

/** Returns the first row of a statement; throws when there is none. */
export async function oneRow<Row>(
  client: Queryable,
  text: string,
  values: unknown[] = [],
): Promise<Row> {
  const { rows } = await client.query(text, values);
  const [row] = rows;
  if (row === undefined) throw new Error(`no row from ${text}`);
  return row as Row;
}

/** Returns the first row of the last of several statements that were sent as one text. */
export async function lastRow<Row>(client: Queryable, text: string): Promise<Row> {
  const answer: unknown = await client.query(text);
  const last: unknown = Array.isArray(answer) ? answer.at(-1) : answer;
  const row = (last as { readonly rows?: readonly unknown[] } | undefined)?.rows?.[0];
  if (row === undefined) throw new Error(`no row from ${text}`);
  return row as Row;
}
