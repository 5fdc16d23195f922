import { createPrivateKey, X509Certificate } from 'node:crypto';
import { open } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { type Clock, every } from '../kernel/kernel.ts';
import { type Anchor, anchorOf, subjectOf } from './certificate.ts';
import { accessErrors } from './errors.ts';
import { type Accepted, type Judgement, judge, mayIssue, type Newest } from './judge.ts';
import { formatName, type MachineRole } from './names.ts';
import { type Alarm, type Dated, expiryAlarm, sameAlarm } from './notices.ts';
import { pemBlocks } from './pem.ts';
import { type RevocationList, revocationListOf, UnknownSigner } from './revocations.ts';
import { openSeen } from './seen.ts';

/** Files of a machine, PEM. */
export interface TrustFiles {
  /** Certificates of the authorities that it trusts. */
  readonly trust: string;
  /** Its own certificate; further ones behind it are ignored. */
  readonly certificate: string;
  /** The key of its certificate; may be the same file. */
  readonly key: string;
  /** Lists of revocations, each signed by one of the authorities; `null`: there are none. */
  readonly revocations: string | null;
  /** What this process remembers of certificates (`Seen`); it is created. */
  readonly memory: string;
}

/** What a machine shows to others, PEM: for the TLS of servers and clients. */
export interface Own {
  readonly accepted: Accepted;
  readonly certificate: string;
  readonly key: string;
  /** What a server names as acceptable issuers. They decide nothing: `judge` does. */
  readonly authorities: readonly string[];
}

export type TrustEvent =
  /** `own` and the authorities are new: connections from now on use them. */
  | { readonly type: 'certificate-files-loaded' }
  | { readonly type: 'certificate-alarm'; readonly alarm: Alarm }
  | { readonly type: 'certificate-alarm-ended'; readonly alarm: Alarm };

export interface Trust {
  readonly own: Own;
  /**
   * Judges a peer's certificate as it came (`X509Certificate.raw`; `null`: none), and remembers it
   * if it is accepted.
   */
  judge(der: Uint8Array | null, peerIs: 'client' | 'server'): Judgement;
  /** Everything that a person must see to now. */
  alarms(): readonly Alarm[];
  /** Reads the files again if they have changed, and tells new alarms. */
  look(): Promise<void>;
  /** Looks again and again until the signal is aborted. */
  watch(signal: AbortSignal): Promise<void>;
}

interface Loaded {
  readonly own: Own;
  readonly anchors: readonly Anchor[];
}

/** Lists of revocations of a file, and what is wrong with the others. */
interface Lists {
  readonly lists: readonly RevocationList[];
  /** `foreign`: no authority that is trusted has signed that list. */
  readonly problems: readonly { readonly said: string; readonly foreign: boolean }[];
}

/** A new certificate, or a revocation, is in force after this time at the latest. */
const lookMs = 10_000;
/**
 * How long an older certificate is still accepted after a newer one of its name was first seen, ms:
 * another process of that machine shows the old one until its next look. A run must not break
 * because somebody renews a certificate in the middle of it.
 */
const renewalMs = 60_000;
/** A list of 10,000 revocations takes 600 KB as PEM. */
const maxFileBytes = 1024 * 1024;
/** Tells of files that cannot be used: one look between the two writes of a renewal finds some too. */
const alarmingLooks = 2;
const startTries = 6;
const startPauseMs = 500;
/** Machines that call others and are called. */
const bothSides: readonly MachineRole[] = ['guard', 'serve', 'door', 'gateway'];
/** A rotation needs two. */
const maxAnchors = 32;

/**
 * Opens the files of a machine. Throws `certificate-files-wrong` if one of them cannot be used after
 * a few seconds; a list of an authority that is not trusted is only an alarm. Later, files that
 * cannot be used change nothing: the last good ones stay in force, certificate, key and authorities
 * together, and an alarm tells of it. Each list that is right counts by itself. Dates close nothing,
 * neither now nor later.
 */
export async function openTrust(options: {
  readonly files: TrustFiles;
  /** `null`: a process of several services. */
  readonly service: string | null;
  readonly clock: Clock;
  readonly onEvent: (event: TrustEvent) => void;
}): Promise<Trust> {
  const { files, service, clock, onEvent } = options;
  const seen = await openSeen(files.memory);
  const read = (contents: Contents) => loadedFrom(files, contents, service, clock.wallMs());
  const first = await atStart(files, read, clock);
  let { loaded, lists } = first;
  /** As the files were when everything in them was taken. */
  let taken = first.contents;
  /** As the last look found them, and as they were tried last. */
  let looked = taken;
  let tried = taken;
  const learn = (some: readonly RevocationList[]) =>
    Promise.all(some.map(({ issuer, serials }) => seen.learn(issuer, serials)));
  await learn(lists);
  // If an older certificate is put back, peers refuse it: this process tells so first.
  await seen.note(loaded.own.accepted);
  /** Why the files as they are now cannot be used. */
  let problem: string | null = first.problem;
  /** Looks with a problem, until two in a row have found none. */
  let badLooks = problem === null ? 0 : alarmingLooks;
  let goodLooks = 0;
  let told: readonly Alarm[] = [];

  const judged = (
    der: Uint8Array | null,
    peerIs: 'client' | 'server',
    newestOf: (name: string) => Newest | null = seen.newestOf,
  ) =>
    judge(der, {
      anchors: loaded.anchors,
      service,
      peerIs,
      isRevoked: (issuer, serial) =>
        seen.isRevoked(issuer, serial) ||
        lists.some((list) => list.issuer === issuer && list.serials.has(serial)),
      newestOf,
      nowWallMs: clock.wallMs(),
    });

  const newest = new Map<string, { was: Newest | null; is: Newest | null; sinceMs: number }>();
  const newestAWhileAgo = (name: string) => {
    const nowMs = clock.monotonicMs();
    const is = seen.newestOf(name);
    const known = newest.get(name) ?? { was: is, is, sinceMs: nowMs };
    const was = isNewer(is, known.is) ? known.is : is;
    const one = known.is === is ? known : { was, is, sinceMs: nowMs };
    newest.set(name, one);
    return nowMs - one.sinceMs < renewalMs ? one.was : one.is;
  };

  /** Takes what can be used. Returns false if it waits for the next look. */
  const take = async (now: Contents, again: boolean): Promise<boolean> => {
    const problems: string[] = [];
    let next = loaded;
    try {
      next = read(now);
    } catch (error) {
      problems.push(saidOf(error));
    }
    const found = listsIn(files, now.revocations, next.anchors);
    // Revocations count at once, whatever is wrong with the other files.
    await learn(found.lists);
    const kept = lists.filter(({ issuer }) => !found.lists.some((one) => one.issuer === issuer));
    const fewer =
      loaded.anchors.some(({ keyId }) => !next.anchors.some((one) => one.keyId === keyId)) ||
      (found.problems.length === 0 && kept.length > 0);
    // A file that is being written may be cut off exactly between two blocks.
    if (fewer && !again) return false;
    problems.push(...found.problems.map(({ said }) => said));
    const news =
      next !== loaded ||
      (found.lists.length > 0 && !isDeepStrictEqual(now.revocations, tried.revocations));
    loaded = next;
    lists = found.problems.length === 0 ? found.lists : [...found.lists, ...kept];
    tried = now;
    problem = problems.length === 0 ? null : problems.join('; ');
    if (problem === null) taken = now;
    await seen.note(loaded.own.accepted);
    if (news) onEvent({ type: 'certificate-files-loaded' });
    return true;
  };

  const reload = async () => {
    const now = await contentsOf(files);
    const again = isDeepStrictEqual(now, looked);
    looked = now;
    if (isDeepStrictEqual(now, taken)) {
      tried = now;
      problem = null;
    } else if (!isDeepStrictEqual(now, tried) && !(await take(now, again))) return;
    goodLooks = problem === null ? goodLooks + 1 : 0;
    if (problem !== null) badLooks += 1;
    else if (goodLooks >= alarmingLooks) badLooks = 0;
  };

  const alarms = (): readonly Alarm[] => {
    const nowWallMs = clock.wallMs();
    const der = new X509Certificate(loaded.own.certificate).raw;
    const own = (['client', 'server'] as const).map((as) => judged(der, as));
    const refusals = own.filter((one) => one.state === 'refused');
    const { role } = loaded.own.accepted.name;
    const refusal = refusals.length === own.length || bothSides.includes(role) ? refusals[0] : null;
    const early = own.find((one) => one.state === 'not-yet-valid');
    return [
      ...(problem === null || badLooks < alarmingLooks
        ? []
        : [
            alarm(
              'files-not-usable',
              files.trust,
              `${problem}. The files read before stay in force`,
            ),
          ]),
      ...(refusal != null
        ? [
            alarm(
              'certificate-not-accepted',
              files.certificate,
              `other machines refuse this one: ${refusal.said}. Issue a new certificate for it`,
            ),
          ]
        : []),
      ...(early?.state === 'not-yet-valid'
        ? [
            alarm(
              'certificate-not-yet-valid',
              files.certificate,
              `${early.said}. The clock of this machine, or of the one that issued it, is wrong`,
            ),
          ]
        : []),
      ...datesOf(files, loaded, lists).flatMap((dated) => expiryAlarm(dated, nowWallMs) ?? []),
      ...seen.problems().map(({ code, said }) => alarm(code, files.memory, said)),
    ];
  };

  const look = async () => {
    await reload();
    await seen.settle();
    const now = alarms();
    for (const one of now) {
      if (!told.some((other) => sameAlarm(one, other))) {
        onEvent({ type: 'certificate-alarm', alarm: one });
      }
    }
    for (const one of told) {
      if (!now.some((other) => sameAlarm(one, other))) {
        onEvent({ type: 'certificate-alarm-ended', alarm: one });
      }
    }
    told = now;
  };

  return {
    get own() {
      return loaded.own;
    },
    judge: (der, peerIs) => {
      const judgement = judged(der, peerIs, newestAWhileAgo);
      if (judgement.state !== 'refused') {
        void seen.note(judgement);
        // The minute begins now.
        newestAWhileAgo(formatName(judgement.name));
      }
      return judgement;
    },
    alarms,
    look,
    watch: (signal) =>
      every(
        {
          clock,
          pauseMs: lookMs,
          signal,
          // `look` rejects only for a bug; the next look tells it again.
          failed: (error) => {
            problem = String(error);
            badLooks = alarmingLooks;
          },
        },
        look,
      ),
  };
}

const isNewer = (one: Newest | null, other: Newest | null) =>
  (one?.notBeforeMs ?? 0) > (other?.notBeforeMs ?? 0);

const alarm = (code: Alarm['code'], subject: string, said: string): Alarm => ({
  code,
  subject,
  level: 'now',
  said,
});

const saidOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** The text of a file, or why it cannot be read. */
type Content = { readonly text: string } | { readonly wrong: string };

interface Contents {
  readonly trust: Content;
  readonly certificate: Content;
  readonly key: Content;
  readonly revocations: Content | null;
}

/** Their content, not their time of change: a file that is replaced within a second counts too. */
async function contentsOf(files: TrustFiles): Promise<Contents> {
  const [trust, certificate, key, revocations] = await Promise.all([
    contentOf(files.trust),
    contentOf(files.certificate),
    contentOf(files.key),
    files.revocations === null ? null : contentOf(files.revocations),
  ]);
  return { trust, certificate, key, revocations };
}

async function contentOf(file: string): Promise<Content> {
  try {
    const handle = await open(file, 'r');
    try {
      const buffer = Buffer.alloc(Math.min((await handle.stat()).size, maxFileBytes) + 1);
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
      return bytesRead > maxFileBytes
        ? { wrong: `is longer than ${maxFileBytes} bytes` }
        : { text: buffer.toString('utf8', 0, bytesRead) };
    } finally {
      await handle.close();
    }
  } catch (error) {
    return { wrong: `cannot be read: ${(error as NodeJS.ErrnoException).code ?? error}` };
  }
}

function textIn(file: string, content: Content): string {
  if ('wrong' in content) throw new Error(`${file} ${content.wrong}`);
  return content.text;
}

/** Reads the files. If they do not fit, somebody may be copying them: it tries again for a while. */
async function atStart(files: TrustFiles, read: (contents: Contents) => Loaded, clock: Clock) {
  for (let tries = 1; ; tries += 1) {
    const contents = await contentsOf(files);
    try {
      const loaded = read(contents);
      const { lists, problems } = listsIn(files, contents.revocations, loaded.anchors);
      const wrong = problems.find(({ foreign }) => !foreign);
      if (wrong !== undefined) throw new Error(wrong.said);
      return { contents, loaded, lists, problem: problems[0]?.said ?? null };
    } catch (error) {
      const unreadable = Object.values(contents).some((one) => one !== null && 'wrong' in one);
      if (unreadable || tries === startTries) {
        throw accessErrors.make('certificate-files-wrong', saidOf(error), {}, error);
      }
    }
    await clock.sleep(startPauseMs);
  }
}

/** Throws an error that names the file, without anything of its content: one of them is a key. */
function loadedFrom(
  files: TrustFiles,
  contents: Contents,
  service: string | null,
  nowWallMs: number,
): Loaded {
  const text = (which: 'trust' | 'certificate' | 'key') => textIn(files[which], contents[which]);
  const [trust, certificate, keyText] = [text('trust'), text('certificate'), text('key')];
  const anchors = named(files.trust, () => anchorsIn(trust));
  const [leaf] = named(files.certificate, () => certificatesIn(certificate));
  if (leaf === undefined) throw new Error(`${files.certificate}: it has no certificate`);
  const key = named(files.key, () => keyIn(keyText));
  if (!leaf.checkPrivateKey(createPrivateKey(key))) {
    throw new Error(
      `${files.key}: the key is not the one of the certificate in ${files.certificate}`,
    );
  }
  const judgements = (['client', 'server'] as const).map((peerIs) =>
    judge(leaf.raw, {
      ...{ anchors, service, peerIs, nowWallMs },
      // A revoked or outdated one is an alarm: its peers refuse it, and the database goes on.
      isRevoked: () => false,
      newestOf: () => null,
    }),
  );
  const accepted = judgements.find((one) => one.state !== 'refused');
  if (accepted === undefined) {
    const [first] = judgements;
    throw new Error(
      `${files.certificate}: other machines would refuse it: ${first?.state === 'refused' ? first.said : ''}`,
    );
  }
  return {
    own: {
      accepted,
      certificate: leaf.toString(),
      key,
      authorities: anchors.map(({ certificate }) => certificate.toString()),
    },
    anchors,
  };
}

function named<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Error(`${file}: ${saidOf(error)}`);
  }
}

function certificatesIn(text: string): readonly X509Certificate[] {
  return pemBlocks(text, 'CERTIFICATE').map((der, index) => {
    try {
      return new X509Certificate(der);
    } catch {
      throw new Error(`certificate ${index + 1} cannot be read`);
    }
  });
}

function anchorsIn(text: string): readonly Anchor[] {
  const anchors = certificatesIn(text).map(anchorOf);
  if (anchors.length > maxAnchors) {
    throw new Error(`it has ${anchors.length} certificates, more than ${maxAnchors}`);
  }
  const unfit = anchors.findIndex((anchor) => !mayIssue(anchor));
  if (unfit !== -1) {
    throw new Error(
      `certificate ${unfit + 1} is not one of an authority that can be used: it must have CA:TRUE, a key of EC P-256 or P-384, Ed25519 or RSA of at least 2048 bits, no critical extension that throwover does not process, and no extended key usage without clientAuth and serverAuth`,
    );
  }
  return anchors;
}

function keyIn(text: string): string {
  const label = ['PRIVATE KEY', 'EC PRIVATE KEY', 'RSA PRIVATE KEY'].find((one) =>
    text.includes(`-----BEGIN ${one}-----`),
  );
  if (label === undefined) throw new Error('it has no key that can be read without a password');
  const [der] = pemBlocks(text, label);
  const pem = `-----BEGIN ${label}-----\n${der?.toString('base64').replace(/(.{64})/g, '$1\n')}\n-----END ${label}-----\n`;
  try {
    createPrivateKey(pem);
  } catch {
    throw new Error('its key cannot be read');
  }
  return pem;
}

function listsIn(
  { revocations: file }: TrustFiles,
  content: Content | null,
  anchors: readonly Anchor[],
): Lists {
  if (file === null || content === null) return { lists: [], problems: [] };
  const lists: RevocationList[] = [];
  const problems: Lists['problems'][number][] = [];
  try {
    const text = textIn(file, content);
    for (const [index, der] of named(file, () => pemBlocks(text, 'X509 CRL')).entries()) {
      try {
        lists.push(revocationListOf(der, anchors));
      } catch (error) {
        const said = `${file}: list ${index + 1} cannot be used: ${saidOf(error)}`;
        problems.push({ said, foreign: error instanceof UnknownSigner });
      }
    }
  } catch (error) {
    problems.push({ said: saidOf(error), foreign: false });
  }
  return { lists, problems };
}

function datesOf(
  files: TrustFiles,
  { own, anchors }: Loaded,
  lists: readonly RevocationList[],
): readonly Dated[] {
  const { name, certificate } = own.accepted;
  return [
    {
      code: 'certificate-expires',
      subject: `certificate ${formatName(name)}`,
      fromMs: certificate.notBeforeMs,
      untilMs: certificate.notAfterMs,
      remedy: `Renew it, and replace ${files.certificate} and ${files.key}. No restart is needed`,
    },
    ...anchors.map(({ certificate, facts }) => ({
      code: 'authority-expires' as const,
      subject: `authority ${subjectOf(certificate)} (${facts.serial})`,
      fromMs: facts.notBeforeMs,
      untilMs: facts.notAfterMs,
      remedy: `Add a new authority to ${files.trust} on every machine, renew every certificate, then take the old one out`,
    })),
    ...lists.flatMap(({ issuer, thisUpdateMs, nextUpdateMs }) =>
      nextUpdateMs === null
        ? []
        : [
            {
              code: 'revocations-outdated' as const,
              subject: `list of revocations of ${issuer.slice(0, 16)}`,
              fromMs: thisUpdateMs,
              untilMs: nextUpdateMs,
              remedy: `Its revocations stay in force. Replace ${files.revocations} with a newer list`,
            },
          ],
    ),
  ];
}
