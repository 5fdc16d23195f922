import type { Loss } from '../store/store.ts';

/**
 * The ledger of lost writes as SQL that a person reads first. Lost inserts are statements, and leave a
 * row alone that is there by now. Updates, deletes and truncates are comments: the row may have been
 * written since, and the newer write must not be lost to the older one.
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

/** OVERRIDING: an id that the old side gave out is kept, since others may know it by now. */
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

/** A value with a line break must not end its comment. */
function commented(text: string): readonly string[] {
  return text.split('\n').map((line) => `-- ${line}`);
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Standard strings: a backslash is a backslash. */
function literal(value: string | null): string {
  return value === null ? 'NULL' : `'${value.replaceAll("'", "''")}'`;
}
