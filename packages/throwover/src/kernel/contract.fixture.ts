import { describe, test } from 'vitest';

/** One implementation of a port, as a test uses it. `end` stops everything that the test started. */
export interface Subject {
  end(): Promise<void>;
}

/** The parts of a contract by title. Each part gets a subject that nobody has used before. */
export type Checks<S extends Subject> = Readonly<Record<string, (subject: S) => Promise<void>>>;

/** The parts that an implementation cannot keep, by title, each with the reason. */
export type Cannot<C> = Readonly<Partial<Record<keyof C, string>>>;

/**
 * Adds the contract of a port as tests, one for each part. A part that the implementation declares
 * in `cannot` must fail: if it works, its test fails, so that no reason outlives its cause.
 */
export function contract<S extends Subject, C extends Checks<S>>(suite: {
  title: string;
  open: () => Promise<S>;
  checks: C;
  cannot: Cannot<C>;
}): void {
  const { title, open, checks, cannot } = suite;
  describe(title, () => {
    for (const [part, check] of Object.entries(checks)) {
      const reason = cannot[part];
      test(reason === undefined ? part : `${part} (cannot: ${reason})`, async () => {
        const subject = await open();
        try {
          if (reason === undefined) await check(subject);
          else await mustFail(part, check(subject));
        } finally {
          await subject.end();
        }
      });
    }
  });
}

/** Throws if this check of a part that cannot be kept succeeds. */
export async function mustFail(part: string, checked: Promise<void>): Promise<void> {
  const failed = await checked.then(
    () => false,
    () => true,
  );
  if (!failed) throw new Error(`"${part}" works: remove it from what this one cannot do`);
}
