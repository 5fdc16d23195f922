import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { AsnConvert } from '@peculiar/asn1-schema';
import { CertificateList } from '@peculiar/asn1-x509';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { systemClock } from '../kernel/kernel.ts';
import { createVirtualClock } from '../kernel/virtual-clock.fixture.ts';
import { openTrust, type Trust, type TrustEvent } from './access.ts';
import { factsOf } from './certificate.ts';
import { type Issued, issueMachine, newAuthority, newRevocations, notBeforeOf } from './issuing.ts';
import { parseName } from './names.ts';
import { forAuthority, Openssl } from './openssl.fixture.ts';
import { openSeen } from './seen.ts';

const dayMs = 86_400_000;
const own = 'throwover://checkout/guard/east/1';
const peer = 'throwover://checkout/guard/west/1';

const derOf = ({ certificate }: Issued) => new X509Certificate(certificate).raw;
const factsOfIssued = ({ certificate }: Issued) => factsOf(new X509Certificate(certificate));

/** A machine with its files, on a clock that moves only when it is told to. */
async function machine(
  options: { readonly days?: number; readonly withRevocations?: boolean } = {},
) {
  const dir = mkdtempSync(join(tmpdir(), 'throwover-trust-'));
  const opened: Trust[] = [];
  onTestFinished(async () => {
    // What they still write is on disk after a look.
    await Promise.all(opened.map((trust) => trust.look()));
    rmSync(dir, { recursive: true, force: true });
  });
  const clock = createVirtualClock();
  const authority = newAuthority({ number: 1, nowWallMs: clock.wallMs() });
  const files = {
    trust: join(dir, 'trust.pem'),
    certificate: join(dir, 'own.crt'),
    key: join(dir, 'own.key'),
    revocations: options.withRevocations === false ? null : join(dir, 'crl.pem'),
    memory: join(dir, 'seen'),
  };
  const issue = (uri: string, given: { by?: Issued; days?: number; lastMs?: number } = {}) => {
    const name = parseName(uri);
    if (name === null) throw new Error('not a name');
    return issueMachine({
      ...{ authority: given.by ?? authority, name, hosts: [] },
      notBeforeMs: notBeforeOf(given.lastMs ?? null, clock.wallMs()),
      notAfterMs: clock.wallMs() + (given.days ?? 90) * dayMs,
    });
  };
  const put = (issued: Issued) => {
    writeFileSync(files.certificate, issued.certificate);
    writeFileSync(files.key, issued.key);
  };
  const revoke = (...revoked: readonly Issued[]) => {
    const entries = revoked.map((one) => ({
      serial: factsOfIssued(one).serial,
      revokedMs: clock.wallMs(),
    }));
    if (files.revocations === null) throw new Error('without a list');
    writeFileSync(
      files.revocations,
      newRevocations({ authority, revoked: entries, nowWallMs: clock.wallMs(), number: 1 }),
    );
  };
  writeFileSync(files.trust, authority.certificate);
  if (files.revocations !== null) revoke();
  const first = issue(own, options.days === undefined ? {} : { days: options.days });
  put(first);
  const events: TrustEvent[] = [];
  const open = async (service: string | null = 'checkout') => {
    const onEvent = (event: TrustEvent) => events.push(event);
    const opening = openTrust({ files, service, clock, onEvent });
    let settled = false;
    const settle = () => {
      settled = true;
    };
    opening.then(settle, settle);
    // Files that do not fit are tried again.
    while (!settled) {
      await setImmediate();
      await clock.advance(10);
    }
    const trust = await opening;
    opened.push(trust);
    return trust;
  };
  /** Type and code of every event since the last call. */
  const told = () =>
    events
      .splice(0)
      .map((event) =>
        event.type === 'certificate-files-loaded'
          ? event.type
          : `${event.type}: ${event.alarm.code} ${event.alarm.level}`,
      );
  return { clock, authority, files, issue, put, revoke, first, open, told };
}

describe('at the start', () => {
  it('shows its own certificate and key, and judges its peers', async () => {
    const { open, first, authority, issue } = await machine();
    const trust = await open();
    expect(trust.own).toMatchObject({
      accepted: { state: 'valid', name: { region: 'east' } },
      certificate: first.certificate,
      key: first.key,
      authorities: [authority.certificate],
    });
    expect(trust.alarms()).toEqual([]);
    expect(trust.judge(derOf(issue(peer)), 'client')).toMatchObject({ state: 'valid' });
    expect(trust.judge(null, 'client')).toMatchObject({ reason: 'no-certificate' });
  });

  it('certificate and key may stand in one file, in any order', async () => {
    const { open, files, first } = await machine();
    for (const text of [first.certificate + first.key, first.key + first.certificate]) {
      writeFileSync(files.certificate, text);
      writeFileSync(files.key, text);
      expect((await open()).own.key).toBe(first.key);
    }
  });

  it.each<[string, (made: Awaited<ReturnType<typeof machine>>) => void, RegExp]>([
    ['no trust file', ({ files }) => rmSync(files.trust), /trust\.pem cannot be read: ENOENT/],
    ['no key', ({ files }) => rmSync(files.key), /own\.key cannot be read: ENOENT/],
    ['no list', ({ files }) => rmSync(files.revocations ?? ''), /crl\.pem cannot be read/],
    [
      'an empty trust file',
      ({ files }) => writeFileSync(files.trust, ''),
      /trust\.pem: it has no -----BEGIN/,
    ],
    ['garbage', ({ files }) => writeFileSync(files.certificate, 'garbage'), /own\.crt: it has no/],
    [
      'a certificate of garbage',
      ({ files }) =>
        writeFileSync(files.trust, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'),
      /certificate 1 cannot be read/,
    ],
    [
      'the key of another certificate',
      ({ files, issue }) => writeFileSync(files.key, issue(own).key),
      /own\.key: the key is not the one of the certificate in .*own\.crt/,
    ],
    [
      'a key with a password',
      ({ files }) =>
        writeFileSync(
          files.key,
          '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----',
        ),
      /own\.key: it has no key that can be read without a password/,
    ],
    [
      'a machine in the trust file',
      ({ files, first, authority }) =>
        writeFileSync(files.trust, authority.certificate + first.certificate),
      /certificate 2 is not one of an authority/,
    ],
    [
      'a foreign authority',
      ({ files, clock }) =>
        writeFileSync(
          files.trust,
          newAuthority({ number: 1, nowWallMs: clock.wallMs() }).certificate,
        ),
      /other machines would refuse it: no trusted authority/,
    ],
    [
      'more than 32 authorities',
      ({ files, authority }) => writeFileSync(files.trust, authority.certificate.repeat(33)),
      /it has 33 certificates, more than 32/,
    ],
    [
      'a file of 2 MB',
      ({ files }) => writeFileSync(files.trust, ' '.repeat(2 * 1024 * 1024)),
      /trust\.pem is longer than/,
    ],
    [
      'a trust file that is cut off in the first line of its second block',
      ({ files, authority }) => writeFileSync(files.trust, `${authority.certificate}-----BEGIN C`),
      /trust\.pem: its last block is cut off/,
    ],
    [
      'a trust file that is cut off in the first dashes of its second block',
      ({ files, authority }) => writeFileSync(files.trust, `${authority.certificate}--`),
      /trust\.pem: its last block is cut off/,
    ],
    [
      'a list that is cut off',
      ({ files }) => {
        const list = readFileSync(files.revocations ?? '', 'utf8');
        writeFileSync(files.revocations ?? '', list.slice(0, -9));
      },
      /crl\.pem: block 1 of "X509 CRL" is cut off/,
    ],
  ])('%s is refused, with a sentence that names the file', async (_, spoil, said) => {
    const made = await machine();
    spoil(made);
    const refusal = await made.open().catch((error) => error);
    expect(refusal).toMatchObject({ code: 'certificate-files-wrong', exit: 'usage' });
    expect(refusal.message).toMatch(said);
    expect(JSON.stringify(refusal)).not.toContain(made.first.key.split('\n')[1]);
  });

  it('files that do not fit yet are tried again for a few seconds', async () => {
    const { open, files, issue, clock } = await machine();
    const renewed = issue(own);
    writeFileSync(files.key, renewed.key);
    const beganMs = clock.monotonicMs();
    const opening = open();
    await setImmediate();
    while (clock.monotonicMs() < beganMs + 700) await setImmediate();
    writeFileSync(files.certificate, renewed.certificate);
    expect((await opening).own.certificate).toBe(renewed.certificate);
  });

  it('a list of an authority that is not trusted is an alarm; the other list counts', async () => {
    const { open, files, issue, revoke, clock } = await machine();
    const nowWallMs = clock.wallMs();
    const theirs = issue(peer);
    revoke(theirs);
    const foreign = newRevocations({
      ...{ authority: newAuthority({ number: 1, nowWallMs }), revoked: [], nowWallMs, number: 1 },
    });
    const file = files.revocations ?? '';
    writeFileSync(file, foreign + readFileSync(file, 'utf8'));
    const trust = await open();
    expect(trust.alarms()).toMatchObject([
      {
        code: 'files-not-usable',
        said: expect.stringContaining('list 1 cannot be used: no trusted authority has signed it'),
      },
    ]);
    expect(trust.judge(derOf(theirs), 'client')).toMatchObject({ reason: 'revoked' });
    revoke(theirs);
    await trust.look();
    expect(trust.alarms()).toEqual([]);
  });

  it.each(['clientAuth', 'serverAuth'])(
    'the certificate of a guard that has %s only is an alarm',
    async (purpose) => {
      const { files } = await machine({ withRevocations: false });
      const openssl = new Openssl();
      onTestFinished(() => openssl.remove());
      const by = openssl.make({ subject: '/CN=team', extensions: forAuthority });
      const name = [`extendedKeyUsage=${purpose}`, `subjectAltName=URI:${own}`];
      const made = openssl.make({ by, extensions: name });
      const trust = await openTrust({
        files: {
          ...{ trust: by.certificateFile, certificate: made.certificateFile, key: made.keyFile },
          ...{ revocations: null, memory: files.memory },
        },
        ...{ service: null, clock: systemClock, onEvent: () => {} },
      });
      expect(trust.alarms()).toMatchObject([
        {
          code: 'certificate-not-accepted',
          said: expect.stringContaining(
            `not for a TLS ${purpose === 'clientAuth' ? 'server' : 'client'}`,
          ),
        },
      ]);
    },
  );

  it('the certificate of another service is refused, unless the process serves several', async () => {
    const { open } = await machine();
    await expect(open('billing')).rejects.toThrow(/of the service checkout, not billing/);
    expect((await open(null)).own.accepted.name.service).toBe('checkout');
  });

  it('an expired certificate starts, with an alarm: expiry closes nothing', async () => {
    const { open, clock, told } = await machine({ days: 10 });
    await clock.advance(11 * dayMs);
    const trust = await open();
    await trust.look();
    expect(trust.own.accepted.state).toBe('expired');
    expect(told()).toEqual(['certificate-alarm: certificate-expires now']);
  });

  it('a clock that is a day behind starts, with an alarm', async () => {
    const { files } = await machine({ withRevocations: false });
    const trust = await openTrust({
      ...{ files, service: 'checkout', onEvent: () => {} },
      clock: createVirtualClock(createVirtualClock().wallMs() - dayMs),
    });
    expect(trust.alarms().map(({ code }) => code)).toEqual(['certificate-not-yet-valid']);
  });
});

describe('files that change', () => {
  it('are in force after one look: a renewed certificate, a second authority', async () => {
    const { open, put, issue, first, told, files, authority, clock } = await machine();
    const trust = await open();
    const second = newAuthority({ number: 2, nowWallMs: clock.wallMs() });
    const stranger = issue(peer, { by: second });
    expect(trust.judge(derOf(stranger), 'client')).toMatchObject({ reason: 'foreign-issuer' });
    writeFileSync(files.trust, authority.certificate + second.certificate);
    await trust.look();
    expect(trust.judge(derOf(stranger), 'client')).toMatchObject({ state: 'valid' });
    const renewed = issue(own, { by: second, lastMs: factsOfIssued(first).notBeforeMs });
    put(renewed);
    await trust.look();
    expect(trust.own).toMatchObject({ certificate: renewed.certificate, key: renewed.key });
    await trust.look();
    expect(told()).toEqual(['certificate-files-loaded', 'certificate-files-loaded']);
  });

  it('are looked at every 10 s by a watch, until it is ended', async () => {
    const { open, put, issue, clock, told } = await machine();
    const trust = await open();
    const stop = new AbortController();
    const ended = trust.watch(stop.signal);
    const renewed = issue(own);
    put(renewed);
    await expect
      .poll(async () => {
        await clock.advance(10_000);
        return trust.own.certificate;
      })
      .toBe(renewed.certificate);
    expect(told()).toEqual(['certificate-files-loaded']);
    stop.abort();
    await ended;
  });

  it('a key that does not fit yet changes nothing, and is told by the second look', async () => {
    const { open, files, issue, first, told } = await machine();
    const trust = await open();
    const renewed = issue(own);
    writeFileSync(files.certificate, renewed.certificate);
    await trust.look();
    expect(told()).toEqual([]);
    await trust.look();
    await trust.look();
    expect(told()).toEqual(['certificate-alarm: files-not-usable now']);
    expect(trust.own).toMatchObject({ certificate: first.certificate, key: first.key });
    writeFileSync(files.key, renewed.key);
    await trust.look();
    expect(trust.own).toMatchObject({ certificate: renewed.certificate, key: renewed.key });
    expect(told()).toEqual([
      'certificate-files-loaded',
      'certificate-alarm-ended: files-not-usable now',
    ]);
  });

  it.each(['trust', 'certificate', 'key', 'revocations'] as const)(
    '%s cut off at any byte, or gone: the last good files stay in force',
    async (which) => {
      const { open, files, first, issue } = await machine();
      const file = files[which] ?? '';
      const trust = await open();
      const theirs = derOf(issue(peer));
      const whole = readFileSync(file, 'utf8');
      const cuts = Array.from({ length: whole.length - 1 }, (_, bytes) => bytes);
      for (const bytes of [
        ...cuts.filter((one) => one % 11 === 0),
        whole.indexOf('\n-----END'),
        whole.length - 2,
      ]) {
        writeFileSync(file, whole.slice(0, bytes));
        await trust.look();
        await trust.look();
        expect(trust.alarms(), `cut to ${bytes} bytes`).toMatchObject([
          { code: 'files-not-usable' },
        ]);
        expect(trust.judge(theirs, 'client').state).toBe('valid');
        expect(trust.own.key).toBe(first.key);
      }
      rmSync(file);
      await trust.look();
      await trust.look();
      expect(trust.alarms()[0]?.said).toMatch(/cannot be read: ENOENT/);
      writeFileSync(file, whole);
      await trust.look();
      expect(trust.alarms()).toEqual([]);
    },
  );

  it('cut off exactly between two blocks: an authority or a list goes only when two looks agree', async () => {
    const { open, files, issue, authority, clock, told } = await machine();
    const nowWallMs = clock.wallMs();
    const second = newAuthority({ number: 2, nowWallMs });
    const both = authority.certificate + second.certificate;
    writeFileSync(files.trust, both);
    const theirs = derOf(issue(peer, { by: second }));
    const trust = await open();
    for (const text of [authority.certificate, `${authority.certificate}-----BEG`]) {
      writeFileSync(files.trust, text);
      await trust.look();
      expect(trust.judge(theirs, 'client').state).toBe('valid');
      writeFileSync(files.trust, both);
      await trust.look();
    }
    expect(told()).toEqual([]);
    writeFileSync(files.trust, authority.certificate);
    await trust.look();
    await trust.look();
    expect(trust.judge(theirs, 'client')).toMatchObject({ reason: 'foreign-issuer' });
    expect(told()).toEqual(['certificate-files-loaded']);
  });

  it('that are bad are not parsed again while they are unchanged', async () => {
    const { open, files, clock } = await machine();
    const trust = await open();
    const nowWallMs = clock.wallMs();
    const foreign = newAuthority({ number: 1, nowWallMs });
    writeFileSync(
      files.revocations ?? '',
      newRevocations({ authority: foreign, revoked: [], nowWallMs, number: 1 }),
    );
    const parse = vi.spyOn(AsnConvert, 'parse');
    onTestFinished(() => parse.mockRestore());
    for (let looks = 0; looks < 5; looks += 1) await trust.look();
    expect(parse.mock.calls.filter(([, type]) => type === CertificateList)).toHaveLength(1);
    expect(trust.alarms()).toMatchObject([{ code: 'files-not-usable' }]);
  });

  it('that are good at every second look are told, too', async () => {
    const { open, files, told } = await machine();
    const trust = await open();
    const good = readFileSync(files.trust, 'utf8');
    for (let looks = 0; looks < 4; looks += 1) {
      writeFileSync(files.trust, looks % 2 === 0 ? '' : good);
      await trust.look();
    }
    expect(told()).toEqual([
      'certificate-alarm: files-not-usable now',
      'certificate-alarm-ended: files-not-usable now',
    ]);
  });

  it('do not bring an older certificate back: it is told, also after a restart', async () => {
    const { open, first, issue, put } = await machine();
    put(issue(own, { lastMs: factsOfIssued(first).notBeforeMs }));
    const trust = await open();
    put(first);
    await trust.look();
    expect(trust.alarms()).toMatchObject([{ code: 'certificate-not-accepted' }]);
    expect((await open()).alarms()).toMatchObject([{ code: 'certificate-not-accepted' }]);
  });

  it('a trust file without the authority of the own certificate is not taken', async () => {
    const { open, files, issue, clock } = await machine();
    const trust = await open();
    const other = newAuthority({ number: 2, nowWallMs: clock.wallMs() });
    writeFileSync(files.trust, other.certificate);
    await trust.look();
    await trust.look();
    expect(trust.alarms()).toMatchObject([{ code: 'files-not-usable' }]);
    expect(trust.judge(derOf(issue(peer)), 'client').state).toBe('valid');
  });
});

describe('revocations', () => {
  it('count after one look, and are never forgotten', async () => {
    const { open, revoke, issue } = await machine();
    const theirs = derOf(issue(peer));
    const other = issue(peer);
    const trust = await open();
    expect(trust.judge(theirs, 'client').state).toBe('valid');
    revoke(other, { ...other, certificate: new X509Certificate(theirs).toString() });
    await trust.look();
    expect(trust.judge(theirs, 'client')).toMatchObject({ reason: 'revoked' });
    revoke();
    await trust.look();
    expect(trust.judge(theirs, 'client')).toMatchObject({ reason: 'revoked' });
    const again = await open();
    expect(again.judge(theirs, 'client')).toMatchObject({ reason: 'revoked' });
  });

  it.each(['key', 'certificate', 'trust'] as const)(
    'count after one look while the %s file is bad',
    async (which) => {
      const { open, revoke, issue, files } = await machine();
      const theirs = issue(peer);
      const trust = await open();
      writeFileSync(files[which], 'garbage');
      revoke(theirs);
      await trust.look();
      expect(trust.judge(derOf(theirs), 'client')).toMatchObject({ reason: 'revoked' });
      await trust.look();
      expect(trust.alarms()).toMatchObject([{ code: 'files-not-usable' }]);
    },
  );

  it('count when the memory cannot be written, too', async () => {
    const { open, revoke, issue, files } = await machine();
    const theirs = issue(peer);
    revoke(theirs);
    const trust = await openTrust({
      ...{ files: { ...files, memory: join(files.memory, 'nowhere') }, service: null },
      ...{ clock: createVirtualClock(), onEvent: () => {} },
    });
    expect(trust.judge(derOf(theirs), 'client')).toMatchObject({ reason: 'revoked' });
    expect(trust.alarms()).toMatchObject([{ code: 'memory-not-written' }]);
    expect(await open()).toBeDefined();
  });

  it('count when the memory is full, too: those of the lists that are there', async () => {
    const { open, revoke, issue, files } = await machine();
    const full = await openSeen(files.memory);
    await full.learn(
      'another',
      Array.from({ length: 20_000 }, (_, index) => index.toString(16)),
    );
    const theirs = issue(peer);
    revoke(theirs);
    const trust = await open();
    expect(trust.judge(derOf(theirs), 'client')).toMatchObject({ reason: 'revoked' });
    expect(trust.judge(derOf(issue(peer)), 'client').state).toBe('valid');
    expect(trust.alarms()).toMatchObject([{ code: 'memory-full' }]);
  });

  it('of the own certificate are an alarm: peers refuse it', async () => {
    const { open, revoke, first, issue, put } = await machine();
    const trust = await open();
    revoke(first);
    await trust.look();
    expect(trust.alarms()).toMatchObject([{ code: 'certificate-not-accepted' }]);
    expect(trust.own.certificate).toBe(first.certificate);
    put(issue(own, { lastMs: factsOfIssued(first).notBeforeMs }));
    await trust.look();
    expect(trust.alarms()).toEqual([]);
  });

  it('in an outdated list stay in force, and refuse nobody else', async () => {
    const { open, clock, issue, revoke, told, put } = await machine();
    const bad = issue(peer, { days: 3_000 });
    const good = issue('throwover://checkout/serve/1', { days: 3_000 });
    put(issue(own, { days: 3_000 }));
    revoke(bad);
    const trust = await open();
    await clock.advance(336 * dayMs);
    await trust.look();
    await clock.advance(23 * dayMs);
    await trust.look();
    await clock.advance(7 * dayMs);
    await trust.look();
    expect(told()).toEqual([
      'certificate-alarm: revocations-outdated 30 days',
      'certificate-alarm: revocations-outdated 7 days',
      'certificate-alarm-ended: revocations-outdated 30 days',
      'certificate-alarm: revocations-outdated now',
      'certificate-alarm-ended: revocations-outdated 7 days',
    ]);
    expect(trust.judge(derOf(bad), 'client')).toMatchObject({ reason: 'revoked' });
    expect(trust.judge(derOf(good), 'client').state).toBe('valid');
  });
});

describe('the newest certificate of a name', () => {
  it('is remembered over a restart, and older ones are refused after a minute', async () => {
    const { open, issue, clock } = await machine();
    const older = issue(peer);
    const newer = issue(peer, { lastMs: factsOfIssued(older).notBeforeMs });
    const trust = await open();
    expect(trust.judge(derOf(older), 'client').state).toBe('valid');
    expect(trust.judge(derOf(newer), 'server').state).toBe('valid');
    await clock.advance(59_000);
    expect(trust.judge(derOf(older), 'client').state).toBe('valid');
    await clock.advance(1_000);
    expect(trust.judge(derOf(older), 'client')).toMatchObject({ reason: 'superseded' });
    await trust.look();
    const again = await open();
    expect(again.judge(derOf(older), 'client')).toMatchObject({ reason: 'superseded' });
    expect(again.judge(derOf(newer), 'client').state).toBe('valid');
  });

  it('what is refused is not remembered', async () => {
    const { open, issue, clock, revoke } = await machine();
    const older = issue(peer);
    const newer = issue(peer, { lastMs: factsOfIssued(older).notBeforeMs });
    const foreign = issue(peer, {
      by: newAuthority({ number: 1, nowWallMs: clock.wallMs() }),
      lastMs: factsOfIssued(newer).notBeforeMs,
    });
    revoke(newer);
    const trust = await open();
    trust.judge(derOf(newer), 'client');
    trust.judge(derOf(foreign), 'client');
    expect(trust.judge(derOf(older), 'client').state).toBe('valid');
  });

  it('an authority whose clock was ahead locks nobody out', async () => {
    const { open, issue, clock, authority } = await machine();
    const name = parseName(peer);
    if (name === null) throw new Error('not a name');
    const ahead = issueMachine({
      ...{ authority, name, hosts: [] },
      notBeforeMs: clock.wallMs() + 30 * dayMs,
      notAfterMs: clock.wallMs() + 120 * dayMs,
    });
    const trust = await open();
    expect(trust.judge(derOf(ahead), 'client').state).toBe('not-yet-valid');
    expect(trust.judge(derOf(issue(peer)), 'client').state).toBe('valid');
  });

  it('a clock that was ahead on both sides locks a name out only until that certificate is revoked', async () => {
    const { open, issue, clock, authority, revoke } = await machine();
    const name = parseName(peer);
    if (name === null) throw new Error('not a name');
    const [before, after, later] = [issue(peer), issue(peer), issue(peer)];
    const ahead = issueMachine({
      ...{ authority, name, hosts: [] },
      // As if the clock of this machine had been set back since.
      notBeforeMs: clock.wallMs() - 1_000,
      notAfterMs: clock.wallMs() + 120 * dayMs,
    });
    const trust = await open();
    for (const one of [before, ahead]) {
      expect(trust.judge(derOf(one), 'client').state).toBe('valid');
    }
    await clock.advance(60_000);
    expect(trust.judge(derOf(after), 'client')).toMatchObject({
      reason: 'superseded',
      said: expect.stringContaining(`throwover pki revoke ${factsOfIssued(ahead).serial}`),
    });
    revoke(ahead);
    await trust.look();
    expect(trust.judge(derOf(after), 'client').state).toBe('valid');
    expect((await open()).judge(derOf(later), 'client').state).toBe('valid');
  });
});

it('notices come 30 and 7 days ahead and when it has expired: own certificate and authority', async () => {
  const { open, clock, told, put, issue } = await machine({ withRevocations: false });
  const trust = await open();
  for (const days of [59, 2, 22, 2, 6]) {
    await clock.advance(days * dayMs);
    await trust.look();
  }
  expect(told()).toEqual([
    'certificate-alarm: certificate-expires 30 days',
    'certificate-alarm: certificate-expires 7 days',
    'certificate-alarm-ended: certificate-expires 30 days',
    'certificate-alarm: certificate-expires now',
    'certificate-alarm-ended: certificate-expires 7 days',
  ]);
  await clock.advance((3_650 - 91 - 29) * dayMs);
  put(issue(own));
  await trust.look();
  await clock.advance(30 * dayMs);
  await trust.look();
  expect(told().filter((one) => one.includes('authority'))).toEqual([
    'certificate-alarm: authority-expires 30 days',
    'certificate-alarm: authority-expires now',
    'certificate-alarm-ended: authority-expires 30 days',
  ]);
});

it('a certificate of 10 days has no notice ahead: it would stand on every day', async () => {
  const { open, clock } = await machine({ days: 10 });
  const trust = await open();
  await clock.advance(9 * dayMs);
  expect(trust.alarms()).toEqual([]);
  await clock.advance(2 * dayMs);
  expect(trust.alarms()).toMatchObject([{ code: 'certificate-expires', level: 'now' }]);
});
