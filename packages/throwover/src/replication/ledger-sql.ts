import type { Loss } from '../store/store.ts';

/**
 * Returns the ledger of lost writes as SQL, for a person to read first. Lost inserts are statements
 * that skip rows which exist by now. Updates, deletes and truncates are comments, because the row
 * may have been written since, and the older write must not replace the newer one.
 */
export function ledgerSql(losses: readonly Loss[]): string {
  const lines = [
    '-- Lost writes, in the order of their commits. Read before you run it.',
    '-- Inserts skip rows that exist. Updates and deletes are comments: compare with the row as it is now.',
    'BEGIN;',
  ];
  let transaction: string | null = null;
  for (const loss of losses) {
    if (loss.transaction !== transaction) {
      lines.push('', `-- transaction ${loss.transaction}, committed at ${loss.commitPosition}`);
      transaction = loss.transaction;
    }
    const statement = statementOf(loss);
    const done =
      loss.resolution === null ? '' : `resolved by ${loss.resolution.by}: ${loss.resolution.note}`;
    if (done !== '') lines.push(...commented(done));
    lines.push(
      ...(loss.operation === 'insert' && done === '' ? [statement] : commented(statement)),
    );
  }
  return [...lines, '', 'COMMIT;', ''].join('\n');
}

type Columns = Readonly<Record<string, string | null>>;

function statementOf({ table, operation, key, before, after }: Loss): string {
  switch (operation) {
    case 'insert':
      return after === null ? `INSERT INTO ${table}: row not in the log` : insertOf(table, after);
    case 'update':
      return `UPDATE ${table} SET ${assignments(after ?? {}, ', ')} WHERE ${assignments(key ?? before ?? {}, ' AND ')};`;
    case 'delete':
      return `DELETE FROM ${table} WHERE ${assignments(key ?? before ?? {}, ' AND ')};`;
    case 'truncate':
      return `TRUNCATE ${table};`;
    case 'message':
      return `message ${JSON.stringify(after)}`;
  }
}

/** OVERRIDING keeps an id that the old side gave out, because others may know it by now. */
function insertOf(table: string, row: Columns): string {
  const names = Object.keys(row).map(identifier).join(', ');
  const values = Object.values(row).map(literal).join(', ');
  return `INSERT INTO ${table} (${names}) OVERRIDING SYSTEM VALUE VALUES (${values}) ON CONFLICT DO NOTHING;`;
}

function assignments(row: Columns, between: string): string {
  const parts = Object.entries(row).map(([name, value]) =>
    value === null && between === ' AND '
      ? `${identifier(name)} IS NULL`
      : `${identifier(name)} = ${literal(value)}`,
  );
  return parts.length === 0 ? '/* not in the log */' : parts.join(between);
}

/** Comments out every line, so that a value with a line break does not end its comment. */
function commented(text: string): readonly string[] {
  return text.split('\n').map((line) => `-- ${line}`);
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Standard SQL strings: a backslash has no special meaning. */
function literal(value: string | null): string {
  return value === null ? 'NULL' : `'${value.replaceAll("'", "''")}'`;
}
