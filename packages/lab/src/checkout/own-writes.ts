import {
  headers,
  type Queryable,
  type RequestScope,
  requestScope,
  type SigningKeys,
  tokenAfter,
  type Waited,
  writeWithToken,
} from '@throwover/client';
import {
  type Database,
  DatabaseAway,
  databaseAway,
  type Lease,
  leased,
  type Row,
} from './database.ts';
import { type HttpEvent, type HttpResult, problem } from './http.ts';
import { readSeenHeader, readSeenText } from './read-seen.ts';

/** The databases for reads: one in this region, and another for when that one cannot answer. */
export interface ReadFrom {
  near(): Promise<Lease>;
  readonly elsewhere: (() => Promise<Lease>) | null;
}

/** The client's own writes as one request knows them, and the headers for its answer. */
export interface OwnWrites {
  readonly scope: RequestScope;
  /** Filled while the request is being answered. */
  readonly headers: Record<string, string>;
}

export function ownWritesOf(event: HttpEvent, keys: SigningKeys): OwnWrites {
  const answered: Record<string, string> = {};
  const setHeader = (name: string, value: string) => {
    answered[name] = value;
  };
  // Clients of the lab use headers, not cookies.
  const scope = requestScope({ keys }, event.headers, { setHeader, addCookie: () => {} });
  return { scope, headers: answered };
}

/**
 * Runs one statement that writes, and puts its token into the answer. A statement that wrote
 * nothing found the write of another request: the token then covers the row that was read, but has
 * no id by which a loss could be proved.
 */
export async function writeOwn(
  database: Database,
  { scope, headers: answered }: OwnWrites,
  statement: { readonly text: string; readonly values: unknown[] },
): Promise<Row[]> {
  return leased(
    () => database.lease(),
    async (client) => {
      const { result, token: own } = await writeWithToken(client, (writer) =>
        writer.query<Row>(statement.text, statement.values),
      );
      const token = own ?? (await tokenAfter(client));
      scope.issue(token);
      answered[headers.position] = token.position;
      return result.rows;
    },
  );
}

/**
 * Reads with the client's token, or says why it cannot: 410 lost, 503 not here yet or undecided.
 */
export async function readOwn(
  from: ReadFrom,
  own: OwnWrites,
  read: (client: Queryable) => Promise<HttpResult>,
): Promise<HttpResult> {
  const { elsewhere } = from;
  try {
    return await readNear(await from.near(), elsewhere, { own, read });
  } catch (error) {
    // The near database was not reached, or broke in the middle: the other one is asked in its
    // place.
    if (elsewhere === null || !(error instanceof DatabaseAway)) throw error;
    return readNear(await elsewhere(), null, { own, read, routed: true });
  }
}

interface Reading {
  readonly own: OwnWrites;
  read(client: Queryable): Promise<HttpResult>;
  readonly routed?: true;
}

async function readNear(
  near: Lease,
  elsewhere: ReadFrom['elsewhere'],
  { own, read, routed }: Reading,
): Promise<HttpResult> {
  const others: Lease[] = [];
  const route = async () => {
    if (elsewhere === null) throw new RangeError('there is no other database');
    const other = await elsewhere();
    others.push(other);
    return other.client;
  };
  // It is unknown which connection an error belongs to, so neither is used again after one.
  let broken = { near: true, other: true };
  try {
    const waited = await own.scope.waitFor<Queryable>(
      near.client,
      elsewhere === null ? {} : { route },
    );
    own.headers[readSeenHeader] = readSeenText(waited, routed ?? waited.routed);
    const result = await concluded(waited, own, read);
    broken = { near: waited.given === 'no-answer', other: waited.reason === 'no-answer' };
    return result;
  } catch (error) {
    throw databaseAway(error) ?? error;
  } finally {
    near.release(broken.near);
    for (const other of others) other.release(broken.other);
  }
}

async function concluded(
  waited: Waited<Queryable>,
  own: OwnWrites,
  read: Reading['read'],
): Promise<HttpResult> {
  switch (waited.outcome) {
    case 'satisfied':
      return read(waited.client);
    case 'lost':
      own.scope.forget();
      return problem(410, 'write-lost', waited.error.message);
    case 'not-yet':
      return problem(503, 'not-yet', waited.error.message);
    case 'unknown':
      return problem(503, 'undecided', waited.error.message);
  }
}
