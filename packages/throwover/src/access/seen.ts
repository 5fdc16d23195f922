import { rename, stat } from 'node:fs/promises';
import { z } from 'zod';
import { replaceDurably, textOrNull } from '../kernel/kernel.ts';
import { accessErrors } from './errors.ts';
import type { Accepted } from './judge.ts';
import { formatName } from './names.ts';

/**
 * What a process has seen of certificates, on disk: the newest one for each name, and every
 * revocation that it ever learned. A later list that leaves a revocation out takes nothing back.
 *
 * A file of JSON lines, replaced as a whole; the first line has the number of the others. What
 * cannot be read of a damaged file does not stop the process, because a healthy database would close
 * for it. The rest counts, the damaged file stays beside it as `FILE.damaged`, and `problems` tells
 * of it until a person has removed that file.
 */
export interface Seen {
  /** notBefore of the newest certificate seen for this name, ms. */
  newestOf(name: string): number | null;
  isRevoked(issuer: string, serial: string): boolean;
  /** Remembers the certificate at once if it is newer; on disk when it resolves. Never rejects. */
  note(accepted: Accepted): Promise<void>;
  /** Remembers revocations at once; on disk when it resolves. Never rejects. */
  learn(issuer: string, serials: Iterable<string>): Promise<void>;
  /** Waits until everything is on disk; writes again what could not be written. Never rejects. */
  settle(): Promise<void>;
  problems(): readonly SeenProblem[];
}

export interface SeenProblem {
  readonly code: 'memory-damaged' | 'memory-not-written' | 'memory-full';
  readonly said: string;
}

/** Only names that an authority of ours has signed get in: far more than machines of one service. */
const maxNames = 4_096;
/** 45 bytes each: 900 KB. Two times what one list may hold. */
const maxRevocations = 20_000;

const headSchema = z.strictObject({ throwover: z.literal('seen-certificates'), lines: z.int() });
const nameSchema = z.strictObject({
  name: z.string().max(300),
  notBeforeMs: z.number(),
  serial: z.string().max(100),
  fingerprint: z.string().max(64),
});
const revokedSchema = z.strictObject({
  issuer: z.string().max(64),
  revoked: z.array(z.string().max(100)),
});
const lineSchema = z.union([nameSchema, revokedSchema]);

/** Revocations of one line: a damaged line loses no more than these. */
const revocationsInLine = 100;

export async function openSeen(file: string): Promise<Seen> {
  const text = await textOrNull(file).catch((error) => {
    throw accessErrors.make('certificate-memory-unreadable', `${file}: ${error}`, { file }, error);
  });
  const newest = new Map<string, z.infer<typeof nameSchema>>();
  const revoked = new Map<string, Set<string>>();
  const aside = `${file}.damaged`;
  let damaged = await isThere(aside);
  let notWritten: string | null = null;
  let full = false;
  let count = 0;

  const add = (issuer: string, serials: Iterable<string>): boolean => {
    const known = revoked.get(issuer) ?? new Set();
    const before = count;
    for (const serial of serials) {
      if (known.has(serial)) continue;
      if (count >= maxRevocations) {
        full = true;
        break;
      }
      known.add(serial);
      count += 1;
    }
    revoked.set(issuer, known);
    return count > before;
  };

  let dirty = false;
  let writing: Promise<void> | null = null;
  const write = async () => {
    while (dirty) {
      dirty = false;
      try {
        await replaceDurably(file, textOf(newest, revoked));
        notWritten = null;
      } catch (error) {
        notWritten = String(error);
        break;
      }
    }
    writing = null;
  };
  const save = (): Promise<void> => {
    dirty = true;
    writing ??= write();
    return writing;
  };

  if (text !== null) {
    const { lines, whole } = linesIn(text);
    for (const line of lines) {
      if ('revoked' in line) add(line.issuer, line.revoked);
      else newest.set(line.name, line);
    }
    if (!whole) {
      // The first damaged file is the one that may still hold what is missing.
      if (!damaged) await rename(file, aside).catch(() => {});
      damaged = true;
      await save();
    }
  }

  return {
    newestOf: (name) => newest.get(name)?.notBeforeMs ?? null,
    isRevoked: (issuer, serial) => revoked.get(issuer)?.has(serial) === true,
    note: async ({ state, name: parts, certificate }) => {
      if (state === 'not-yet-valid') return;
      const name = formatName(parts);
      const { notBeforeMs, serial, fingerprint } = certificate;
      const before = newest.get(name);
      if (before !== undefined && before.notBeforeMs >= notBeforeMs) return;
      if (before === undefined && newest.size >= maxNames) {
        full = true;
        return;
      }
      newest.set(name, { name, notBeforeMs, serial, fingerprint });
      await save();
    },
    learn: async (issuer, serials) => {
      if (add(issuer, serials)) await save();
    },
    settle: async () => {
      await writing;
      if (notWritten !== null) await save();
      damaged = await isThere(aside);
    },
    problems: () => [
      ...(damaged
        ? [
            {
              code: 'memory-damaged' as const,
              said: `a part of ${file} could not be read: revocations of before may be missing. The damaged file is ${aside}; put the newest list of revocations in place, then remove it`,
            },
          ]
        : []),
      ...(notWritten === null
        ? []
        : [{ code: 'memory-not-written' as const, said: `${file}: ${notWritten}` }]),
      ...(full
        ? [
            {
              code: 'memory-full' as const,
              said: `${file} holds ${newest.size} names and ${count} revocations; more are not kept`,
            },
          ]
        : []),
    ],
  };
}

function textOf(
  newest: ReadonlyMap<string, object>,
  revoked: ReadonlyMap<string, ReadonlySet<string>>,
): string {
  const lines = [
    ...[...revoked].flatMap(([issuer, serials]) => {
      const all = [...serials];
      return Array.from({ length: Math.ceil(all.length / revocationsInLine) }, (_, index) => ({
        issuer,
        revoked: all.slice(index * revocationsInLine, (index + 1) * revocationsInLine),
      }));
    }),
    ...newest.values(),
  ];
  const head = { throwover: 'seen-certificates', lines: lines.length };
  return [head, ...lines].map((line) => `${JSON.stringify(line)}\n`).join('');
}

/** Returns every line that can be read, and whether these are all that were written. */
function linesIn(text: string) {
  const [head = '', ...rest] = text.split('\n').filter((line) => line !== '');
  const announced = parsed(head, headSchema)?.lines ?? null;
  // Where the head itself is damaged, the line may be one of the others.
  const candidates = announced === null ? [head, ...rest] : rest;
  const lines = candidates.flatMap((line) => parsed(line, lineSchema) ?? []);
  return { lines, whole: announced === lines.length };
}

function parsed<T>(line: string, schema: z.ZodType<T>): T | null {
  try {
    return schema.parse(JSON.parse(line));
  } catch {
    return null;
  }
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
