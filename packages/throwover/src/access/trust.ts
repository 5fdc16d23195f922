import { createPrivateKey, X509Certificate } from 'node:crypto';
import { open } from 'node:fs/promises';
import { type Clock, every } from '../kernel/kernel.ts';
import { type Anchor, anchorOf, subjectOf } from './certificate.ts';
import { accessErrors } from './errors.ts';
import { type Accepted, type Judgement, judge, mayIssue, type Newest } from './judge.ts';
import { formatName } from './names.ts';
import { type Alarm, type Dated, expiryAlarm, sameAlarm } from './notices.ts';
import { pemBlocks } from './pem.ts';
import { type RevocationList, revocationListOf } from './revocations.ts';
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
  readonly lists: readonly RevocationList[];
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
/** A rotation needs two. */
const maxAnchors = 32;

/**
 * Opens the files of a machine. Throws `certificate-files-wrong` if one of them cannot be used now.
 * Later, files that cannot be used change nothing: the last good ones stay in force, all of them
 * together, and an alarm tells of it. Dates close nothing, neither now nor later.
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
  let texts = await textsOf(files).catch(refuseStart);
  let loaded = await Promise.resolve(texts)
    .then((read) => loadedFrom(files, read, service, clock.wallMs()))
    .catch(refuseStart);
  const learn = () =>
    Promise.all([
      ...loaded.lists.map(({ issuer, serials }) => seen.learn(issuer, serials)),
      // If an older certificate is put back, peers refuse it: this process tells so first.
      seen.note(loaded.own.accepted),
    ]);
  await learn();
  /** Why the files as they are now cannot be used, as the last look found it. */
  let problem: string | null = null;
  /** Seen by two looks: a look between the two writes of a renewal finds files that do not fit. */
  let lasting: string | null = null;
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
        loaded.lists.some((list) => list.issuer === issuer && list.serials.has(serial)),
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

  const reload = async () => {
    try {
      const now = await textsOf(files);
      if (!sameTexts(now, texts)) {
        loaded = loadedFrom(files, now, service, clock.wallMs());
        texts = now;
        await learn();
        onEvent({ type: 'certificate-files-loaded' });
      }
      problem = null;
      lasting = null;
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      lasting = problem === null ? null : said;
      problem = said;
    }
  };

  const alarms = (): readonly Alarm[] => {
    const nowWallMs = clock.wallMs();
    const der = new X509Certificate(loaded.own.certificate).raw;
    const own = (['client', 'server'] as const).map((as) => judged(der, as));
    const refusal = own.find((one) => one.state === 'refused');
    const early = own.find((one) => one.state === 'not-yet-valid');
    return [
      ...(lasting === null
        ? []
        : [
            alarm(
              'files-not-usable',
              files.trust,
              `${lasting}. The files read before stay in force`,
            ),
          ]),
      ...(own.every((one) => one.state === 'refused') && refusal?.state === 'refused'
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
      ...datesOf(files, loaded).flatMap((dated) => expiryAlarm(dated, nowWallMs) ?? []),
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
            lasting = problem;
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

function refuseStart(error: unknown): never {
  throw accessErrors.make(
    'certificate-files-wrong',
    error instanceof Error ? error.message : String(error),
    {},
    error,
  );
}

interface Texts {
  readonly trust: string;
  readonly certificate: string;
  readonly key: string;
  readonly revocations: string | null;
}

/** Their content, not their time of change: a file that is replaced within a second counts too. */
async function textsOf(files: TrustFiles): Promise<Texts> {
  const [trust, certificate, key, revocations] = await Promise.all([
    textOf(files.trust),
    textOf(files.certificate),
    textOf(files.key),
    files.revocations === null ? null : textOf(files.revocations),
  ]);
  return { trust, certificate, key, revocations };
}

async function textOf(file: string): Promise<string> {
  const handle = await open(file, 'r').catch((error) => {
    throw new Error(`${file} cannot be read: ${error.code ?? error}`, { cause: error });
  });
  try {
    const buffer = Buffer.alloc(Math.min((await handle.stat()).size, maxFileBytes) + 1);
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
    if (bytesRead > maxFileBytes) throw new Error(`${file} is longer than ${maxFileBytes} bytes`);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

function sameTexts(one: Texts, other: Texts): boolean {
  return (
    one.trust === other.trust &&
    one.certificate === other.certificate &&
    one.key === other.key &&
    one.revocations === other.revocations
  );
}

/** Throws an error that names the file, without anything of its content: one of them is a key. */
function loadedFrom(
  files: TrustFiles,
  texts: Texts,
  service: string | null,
  nowWallMs: number,
): Loaded {
  const anchors = named(files.trust, () => anchorsIn(texts.trust));
  const [leaf] = named(files.certificate, () => certificatesIn(texts.certificate));
  if (leaf === undefined) throw new Error(`${files.certificate}: it has no certificate`);
  const key = named(files.key, () => keyIn(texts.key));
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
  const lists =
    texts.revocations === null || files.revocations === null
      ? []
      : named(files.revocations, () => listsIn(texts.revocations ?? '', anchors));
  return {
    own: {
      accepted,
      certificate: leaf.toString(),
      key,
      authorities: anchors.map(({ certificate }) => certificate.toString()),
    },
    anchors,
    lists,
  };
}

function named<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : error}`);
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

function listsIn(text: string, anchors: readonly Anchor[]): readonly RevocationList[] {
  return pemBlocks(text, 'X509 CRL').map((der, index) => {
    try {
      return revocationListOf(der, anchors);
    } catch (error) {
      throw new Error(
        `list ${index + 1} cannot be used: ${error instanceof Error ? error.message : error}`,
      );
    }
  });
}

function datesOf(files: TrustFiles, { own, anchors, lists }: Loaded): readonly Dated[] {
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
