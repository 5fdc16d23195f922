import { createPrivateKey, X509Certificate } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import {
  isoTime,
  isThrowoverError,
  replaceDurably,
  sqliteCodeOf,
  sqliteCodes,
  syncPath,
  textOrNull,
  wallMsOfIso,
  writeDurably,
} from '../kernel/kernel.ts';
import { openPrivately } from '../kernel/private-database.ts';
import { type CertificateFacts, factsOf, subjectOf } from './certificate.ts';
import { accessErrors } from './errors.ts';
import { type Issued, issueMachine, newAuthority, newRevocations, notBeforeOf } from './issuing.ts';
import { formatName, type MachineName, parseName, pathOfName } from './names.ts';
import { pemBlocks } from './pem.ts';

/**
 * A private certificate authority in a folder.
 *
 *   index.json           everything that was ever issued and revoked; the commit point
 *   authorities/N.key    key of an authority, 0600; the newest one issues
 *   trust.pem            certificates of the authorities that machines trust
 *   crl.pem              the revocations of each of them
 *   issued/NAME.crt, NAME.key (0600)
 *   lock                 held by the command that works here
 *
 * Only keys are not in the index. A key is written before the index that names its certificate, as
 * NAME.key.next; everything else is made from the index afterwards (`settle`), and by the next
 * command if this one is killed. So a certificate that exists is in the index and can be revoked.
 */

const indexSchema = z.strictObject({
  version: z.literal(1),
  /** Oldest first. */
  authorities: z
    .array(
      z.strictObject({
        number: z.int().min(1),
        certificate: z.string(),
        /** False: taken out of trust.pem after a rotation. */
        trusted: z.boolean(),
        /** Its newest list of revocations, PEM. */
        revocations: z.string(),
      }),
    )
    .min(1),
  /** Oldest first. */
  certificates: z.array(
    z.strictObject({
      name: z.string(),
      hosts: z.array(z.string()),
      serial: z.string(),
      authority: z.int(),
      certificate: z.string(),
      revokedAt: z.iso.datetime().nullable(),
    }),
  ),
  /** Number of the newest lists of revocations. */
  lists: z.int().min(0),
});
const laterSchema = z.looseObject({ version: z.int().min(2) });
type Index = z.infer<typeof indexSchema>;
type Kept = Index['certificates'][number];

/** A certificate of the folder as `throwover pki show` tells it. */
export interface PkiCertificate {
  /** `checkout/guard/east/1` */
  readonly name: string;
  readonly serial: string;
  readonly authority: number;
  readonly notBefore: string;
  readonly notAfter: string;
  /** Days, counted up to whole ones; 0 or less when it has expired. */
  readonly daysLeft: number;
  readonly state: 'current' | 'replaced' | 'expired' | 'revoked';
  /** Where it stands; `null` for one that was replaced. */
  readonly files: { readonly certificate: string; readonly key: string } | null;
}

export interface PkiAuthority {
  readonly number: number;
  readonly serial: string;
  readonly subject: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly daysLeft: number;
  readonly state: 'issues' | 'trusted' | 'retired' | 'expired';
}

export interface PkiContent {
  readonly authorities: readonly PkiAuthority[];
  readonly certificates: readonly PkiCertificate[];
}

const dayMs = 86_400_000;

interface Place {
  readonly dir: string;
  readonly nowWallMs: number;
}

/** Creates a folder with a new authority. */
export async function initPki(place: Place): Promise<PkiContent> {
  const { dir, nowWallMs } = place;
  try {
    await mkdir(join(dir, 'authorities'), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw unwritable(dir, `${dir}: ${error}`, error);
  }
  await locked(dir, async () => {
    const there = new Set(await readdir(dir));
    if (there.has('index.json')) {
      throw accessErrors.make('pki-folder-taken', `${dir} has an authority already`, { dir });
    }
    // A command that was killed before its first index leaves only a key, which has issued nothing.
    const found = ['trust.pem', 'crl.pem', 'issued'].filter((name) => there.has(name));
    if (found.length > 0) throw damaged(dir, `index.json is missing, but ${found[0]} is there`);
    const authority = newAuthority({ number: 1, nowWallMs });
    await writeKey(join(dir, 'authorities', '1.key'), authority.key);
    const index = withAuthority(
      { version: 1, authorities: [], certificates: [], lists: 0 },
      authority,
    );
    await commit(dir, await withLists(dir, index, nowWallMs));
  });
  return contentOf(place);
}

/** Issues the first certificate of a name. */
export function issue(
  place: Place,
  given: { readonly name: MachineName; readonly hosts: readonly string[]; readonly days: number },
): Promise<readonly PkiCertificate[]> {
  return changed(place, async (index) => {
    const { name, hosts, days } = given;
    if (currentOf(index).some((one) => one.name === formatName(name))) {
      throw accessErrors.make('pki-name-issued', `${pathOfName(name)} has a certificate already`);
    }
    return issued(place, index, [{ name, hosts }], days);
  });
}

/** Which certificates a renewal is for. */
export type Renewed =
  | { readonly which: string }
  /** All that expire within these days, and all that an older authority has issued. */
  | { readonly withinDays: number };

export function renew(
  place: Place,
  given: Renewed & { readonly days: number },
): Promise<readonly PkiCertificate[]> {
  return changed(place, async (index) => {
    const issuing = issuingOf(index).number;
    const current = currentOf(index);
    const due =
      'which' in given
        ? current.filter((one) => isMeant(one, given.which))
        : current.filter(
            (one) =>
              one.authority !== issuing ||
              factsIn(one).notAfterMs <= place.nowWallMs + given.withinDays * dayMs,
          );
    if ('which' in given && due.length === 0) throw notRenewed(place.dir, index, given.which);
    const again = due.map(({ name, hosts }) => ({ name: nameIn(name), hosts }));
    return issued(place, index, again, given.days);
  });
}

/** Revokes every certificate of a name, or the one with a serial number. */
export function revoke(place: Place, which: string): Promise<readonly PkiCertificate[]> {
  return changed(place, async (index) => {
    const { dir, nowWallMs } = place;
    if (!index.certificates.some((one) => isMeant(one, which))) throw unknownName(dir, which);
    const at = isoTime(nowWallMs);
    const meant = (one: Kept) => one.revokedAt === null && isMeant(one, which);
    return {
      index: {
        ...index,
        certificates: index.certificates.map((one) =>
          meant(one) ? { ...one, revokedAt: at } : one,
        ),
      },
      serials: index.certificates.filter((one) => isMeant(one, which)).map(({ serial }) => serial),
    };
  });
}

/** Adds a new authority beside the old one: machines trust both, and the new one issues. */
export async function rotate(place: Place): Promise<PkiContent> {
  const { dir, nowWallMs } = place;
  await changed(place, async (index) => {
    const authority = newAuthority({ number: issuingOf(index).number + 1, nowWallMs });
    const next = withAuthority(index, authority);
    await writeKey(join(dir, 'authorities', `${issuingOf(next).number}.key`), authority.key);
    return { index: next, serials: [] };
  });
  return contentOf(place);
}

/** Takes every authority but the newest out of trust.pem. Refused while machines need an older one. */
export async function finishRotation(place: Place): Promise<PkiContent> {
  await changed(place, async (index) => {
    const { number } = issuingOf(index);
    const needed = currentOf(index).filter(
      // Expired or not: expiry closes nothing, and a machine without its authority is refused.
      (one) => one.authority !== number,
    );
    if (needed.length > 0) {
      const names = needed.map(({ name }) => pathOfName(nameIn(name)));
      throw accessErrors.make(
        'pki-authority-in-use',
        `${needed.length} certificates are of an older authority: ${names.slice(0, 5).join(', ')}`,
        { names },
      );
    }
    const authorities = index.authorities.map((one) => ({
      ...one,
      trusted: one.number === number,
    }));
    return { index: { ...index, authorities }, serials: [] };
  });
  return contentOf(place);
}

/** Returns everything that the folder has issued, and its authorities. Changes nothing. */
export async function contentOf({ dir, nowWallMs }: Place): Promise<PkiContent> {
  const index = await readIndex(dir);
  const issuing = issuingOf(index).number;
  return {
    authorities: index.authorities.map(({ number, certificate, trusted }) => {
      const { expired, ...dates } = datesIn(certificate, nowWallMs);
      const state = number === issuing ? 'issues' : trusted ? 'trusted' : 'retired';
      const subject = subjectOf(new X509Certificate(certificate));
      return { number, ...dates, subject, state: expired ? 'expired' : state };
    }),
    certificates: index.certificates.map((one) => shown(dir, index, one, nowWallMs)),
  };
}

interface Changed {
  readonly index: Index;
  /** The certificates that the command is about. */
  readonly serials: readonly string[];
}

/** Carries out a change of the index, with new lists of revocations. */
function changed(
  { dir, nowWallMs }: Place,
  change: (index: Index) => Promise<Changed>,
): Promise<readonly PkiCertificate[]> {
  return locked(dir, async () => {
    const before = await readIndex(dir);
    await settle(dir, before);
    const { index, serials } = await change(before);
    await commit(dir, await withLists(dir, index, nowWallMs));
    return index.certificates
      .filter(({ serial }) => serials.includes(serial))
      .map((one) => shown(dir, index, one, nowWallMs));
  });
}

/** Holds a lock that the system releases when the process ends, however it ends. */
async function locked<T>(dir: string, work: () => Promise<T>): Promise<T> {
  let lock: ReturnType<typeof openPrivately>;
  try {
    lock = openPrivately(join(dir, 'lock'));
  } catch (error) {
    const missing = (await textOrNull(join(dir, 'index.json')).catch(() => '')) === null;
    throw missing
      ? accessErrors.make('pki-folder-missing', `${dir} has no authority`, { dir }, error)
      : unwritable(dir, `${dir}: ${error}`, error);
  }
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (sqliteCodeOf(error) === sqliteCodes.busy) {
      throw accessErrors.make('pki-busy', `another command works in ${dir}`, { dir }, error);
    }
    const file = join(dir, 'lock');
    const junk = sqliteCodeOf(error) === sqliteCodes.notADatabase;
    const removable = junk ? '. It holds no data: remove it' : '';
    throw unwritable(dir, `${file}: ${error}${removable}`, error);
  }
  try {
    return await work();
  } catch (error) {
    // An error of the operating system.
    if (error instanceof Error && 'errno' in error) throw unwritable(dir, error.message, error);
    throw error;
  } finally {
    lock.close();
  }
}

async function readIndex(dir: string): Promise<Index> {
  const file = join(dir, 'index.json');
  const text = await textOrNull(file).catch((error) => {
    throw damaged(dir, `${file} cannot be read`, error);
  });
  if (text === null) {
    throw accessErrors.make('pki-folder-missing', `${dir} has no authority`, { dir });
  }
  try {
    const parsed = JSON.parse(text);
    const { success: later } = laterSchema.safeParse(parsed);
    if (later) {
      throw accessErrors.make('pki-folder-newer', `${file} is of a later version`, { file });
    }
    return indexSchema.parse(parsed);
  } catch (error) {
    if (isThrowoverError(error)) throw error;
    throw damaged(dir, `${file} is not an index of certificates`, error);
  }
}

async function commit(dir: string, index: Index): Promise<void> {
  await replaceDurably(join(dir, 'index.json'), `${JSON.stringify(index, null, 1)}\n`);
  await settle(dir, index);
}

/** Brings every file in line with the index. */
async function settle(dir: string, index: Index): Promise<void> {
  const trusted = index.authorities.filter((one) => one.trusted);
  await replaceIfOther(join(dir, 'trust.pem'), trusted.map((one) => one.certificate).join(''));
  await replaceIfOther(join(dir, 'crl.pem'), trusted.map((one) => one.revocations).join(''));
  const folder = join(dir, 'issued');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const current = new Map(currentOf(index).map((one) => [fileOf(one.name), one]));
  for (const file of await readdir(folder)) {
    if (!file.endsWith('.key.next')) continue;
    const one = current.get(file.slice(0, -'.key.next'.length));
    const path = join(folder, file);
    // A key whose certificate never got into the index was shown to nobody.
    if (one !== undefined && fits(await textOrNull(path), one)) {
      await rename(path, path.slice(0, -'.next'.length));
    } else await rm(path);
  }
  await syncPath(folder);
  for (const [file, one] of current) {
    // A key that was moved to its machine is nobody's business here.
    if (!fits(await textOrNull(join(folder, `${file}.key`)), one)) continue;
    await replaceIfOther(join(folder, `${file}.crt`), one.certificate);
  }
}

async function replaceIfOther(file: string, text: string): Promise<void> {
  // Certificates are no secret: machines copy them.
  if ((await textOrNull(file)) !== text) await replaceDurably(file, text, 0o644);
}

function fits(key: string | null, { certificate }: Kept): boolean {
  if (key === null) return false;
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

/** Writes a key that nothing names yet; one that a killed command left there goes. */
async function writeKey(file: string, key: string): Promise<void> {
  await rm(file, { force: true });
  await writeDurably(file, key);
}

/** Issues certificates: their keys are on disk, and the index that names them is returned. */
async function issued(
  { dir, nowWallMs }: Place,
  index: Index,
  asked: readonly { readonly name: MachineName; readonly hosts: readonly string[] }[],
  days: number,
): Promise<Changed> {
  const { number, certificate: authorityCertificate } = issuingOf(index);
  const authority = { certificate: authorityCertificate, key: await authorityKey(dir, number) };
  const { notAfterMs } = factsOf(new X509Certificate(authorityCertificate));
  if (asked.length > 0 && notAfterMs <= nowWallMs) {
    throw accessErrors.make(
      'pki-authority-expired',
      `authority ${number} expired at ${isoTime(notAfterMs)}`,
    );
  }
  const added: Kept[] = [];
  for (const { name, hosts } of asked) {
    const uri = formatName(name);
    const earlier = index.certificates.filter((one) => one.name === uri);
    const file = join(dir, 'issued', fileOf(uri));
    if (earlier.length === 0) await refuseForeign(file);
    const { certificate, key } = issueMachine({
      ...{ authority, name, hosts },
      notBeforeMs: notBeforeOf(lastBegun(earlier, nowWallMs), nowWallMs),
      notAfterMs: nowWallMs + days * dayMs,
    });
    await writeKey(`${file}.key.next`, key);
    const { serial } = factsOf(new X509Certificate(certificate));
    added.push({
      name: uri,
      hosts: [...hosts],
      serial,
      authority: number,
      certificate,
      revokedAt: null,
    });
  }
  await syncPath(join(dir, 'issued'));
  return {
    index: { ...index, certificates: [...index.certificates, ...added] },
    serials: added.map(({ serial }) => serial),
  };
}

/** A new certificate may begin as much later than now, so that it is newer than the one before. */
const maxAheadMs = dayMs;

/**
 * Returns when the newest of these certificates begins, ms; `null` if there is none. Machines do not
 * remember one that was revoked, so one that begins far in the future does not count then.
 */
function lastBegun(earlier: readonly Kept[], nowWallMs: number): number | null {
  const latestMs = nowWallMs + maxAheadMs;
  const counting = earlier
    .map((one) => ({ ...one, atMs: factsIn(one).notBeforeMs }))
    .filter(({ revokedAt, atMs }) => revokedAt === null || atMs < latestMs);
  const ahead = counting.find(({ atMs }) => atMs >= latestMs);
  if (ahead !== undefined) {
    throw accessErrors.make(
      'pki-clock-behind',
      `the certificate ${ahead.serial} of ${pathOfName(nameIn(ahead.name))} begins at ${isoTime(ahead.atMs)}, and this computer's clock says ${isoTime(nowWallMs)}: machines would refuse a new one as older`,
      { serial: ahead.serial },
    );
  }
  return counting.length === 0 ? null : Math.max(...counting.map(({ atMs }) => atMs));
}

async function refuseForeign(file: string): Promise<void> {
  for (const path of [`${file}.key`, `${file}.crt`]) {
    if ((await textOrNull(path)) === null) continue;
    throw accessErrors.make('pki-file-there', `${path} is there, and is not in the index`, {
      path,
    });
  }
}

function withAuthority(index: Index, { certificate }: Issued): Index {
  const number = (index.authorities.at(-1)?.number ?? 0) + 1;
  const added = { number, certificate, trusted: true, revocations: '' };
  return { ...index, authorities: [...index.authorities, added] };
}

/** Signs the lists of every authority that is trusted. */
async function withLists(dir: string, index: Index, nowWallMs: number): Promise<Index> {
  const lists = index.lists + 1;
  const authorities: Index['authorities'][number][] = [];
  for (const authority of index.authorities) {
    const { number, certificate, trusted } = authority;
    if (!trusted) {
      authorities.push(authority);
      continue;
    }
    const revoked = index.certificates.flatMap((one) =>
      one.authority !== number || one.revokedAt === null
        ? []
        : [{ serial: one.serial, revokedMs: wallMsOfIso(one.revokedAt) ?? nowWallMs }],
    );
    const issuer = { certificate, key: await authorityKey(dir, number) };
    const revocations = newRevocations({ authority: issuer, revoked, nowWallMs, number: lists });
    authorities.push({ ...authority, revocations });
  }
  return { ...index, authorities, lists };
}

async function authorityKey(dir: string, number: number): Promise<string> {
  const file = join(dir, 'authorities', `${number}.key`);
  const key = await textOrNull(file);
  if (key === null) throw damaged(dir, `${file} is missing`);
  await chmod(file, 0o600);
  return key;
}

function issuingOf({ authorities }: Index): Index['authorities'][number] {
  const newest = authorities.at(-1);
  if (newest === undefined) throw new Error('an index without an authority');
  return newest;
}

/** Returns the newest certificate of each name, without names whose newest one is revoked. */
function currentOf({ certificates }: Index): readonly Kept[] {
  const newest = new Map(certificates.map((one) => [one.name, one]));
  return [...newest.values()].filter((one) => one.revokedAt === null);
}

function isMeant({ name, serial }: Kept, which: string): boolean {
  const path = pathOfName(nameIn(name));
  return [name, path, fileOf(name)].includes(which) || serial === which.toUpperCase();
}

const factsIn = ({ certificate }: Kept): CertificateFacts =>
  factsOf(new X509Certificate(certificate));

/** `checkout.guard.east.1` */
const fileOf = (name: string) => pathOfName(nameIn(name)).replaceAll('/', '.');

function nameIn(uri: string): MachineName {
  const name = parseName(uri);
  if (name === null) throw new Error(`not a name: ${uri}`);
  return name;
}

function shown(dir: string, index: Index, one: Kept, nowWallMs: number): PkiCertificate {
  const { expired, ...dates } = datesIn(one.certificate, nowWallMs);
  const newest = currentOf(index).includes(one);
  const file = join(dir, 'issued', fileOf(one.name));
  return {
    name: pathOfName(nameIn(one.name)),
    ...dates,
    authority: one.authority,
    state:
      one.revokedAt !== null ? 'revoked' : expired ? 'expired' : newest ? 'current' : 'replaced',
    files: newest ? { certificate: `${file}.crt`, key: `${file}.key` } : null,
  };
}

function datesIn(certificate: string, nowWallMs: number) {
  const { serial, notBeforeMs, notAfterMs } = factsOf(new X509Certificate(certificate));
  return {
    serial,
    notBefore: isoTime(notBeforeMs),
    notAfter: isoTime(notAfterMs),
    daysLeft: Math.ceil((notAfterMs - nowWallMs) / dayMs),
    expired: nowWallMs > notAfterMs,
  };
}

const unwritable = (dir: string, said: string, cause: unknown) =>
  accessErrors.make('pki-folder-unwritable', said, { dir }, cause);

const damaged = (dir: string, said: string, cause?: unknown) =>
  accessErrors.make('pki-folder-damaged', said, { dir }, cause);

function notRenewed(dir: string, { certificates }: Index, which: string) {
  return certificates.some((one) => one.revokedAt !== null && isMeant(one, which))
    ? accessErrors.make('pki-name-revoked', `the certificate of ${which} was revoked`, { which })
    : unknownName(dir, which);
}

const unknownName = (dir: string, which: string) =>
  accessErrors.make('pki-name-unknown', `${which} has no certificate in ${dir}`, { which });

/** A certificate of any file; `name` is its subject where it has no name of throwover. */
export type FileCertificate = Omit<PkiCertificate, 'authority' | 'state' | 'files'> & {
  readonly state: 'authority' | 'machine' | 'other' | 'expired';
};

/** Returns the certificates of a PEM file: a machine's own, or a trust file. */
export async function certificatesInFile(
  file: string,
  nowWallMs: number,
): Promise<readonly FileCertificate[]> {
  try {
    const blocks = pemBlocks(await readFile(file, 'utf8'), 'CERTIFICATE');
    return blocks.map((der) => {
      const certificate = new X509Certificate(der);
      const [name] = factsOf(certificate).uris.flatMap((uri) => parseName(uri) ?? []);
      const { expired, ...dates } = datesIn(certificate.toString(), nowWallMs);
      const kind = certificate.ca ? 'authority' : name === undefined ? 'other' : 'machine';
      return {
        name: name === undefined ? subjectOf(certificate) : pathOfName(name),
        ...dates,
        state: expired ? 'expired' : kind,
      };
    });
  } catch (error) {
    throw accessErrors.make(
      'certificate-files-wrong',
      `${file}: ${error instanceof Error ? error.message : error}`,
      { file },
      error,
    );
  }
}
