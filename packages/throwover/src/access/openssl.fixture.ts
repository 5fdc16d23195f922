import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate that openssl has made, and the files of it and of its key. */
export interface Made {
  readonly certificate: X509Certificate;
  readonly der: Buffer;
  readonly certificateFile: string;
  readonly keyFile: string;
}

const keys = {
  'P-256': ['EC', 'ec_paramgen_curve:P-256'],
  'P-384': ['EC', 'ec_paramgen_curve:P-384'],
  'P-521': ['EC', 'ec_paramgen_curve:P-521'],
  'P-224': ['EC', 'ec_paramgen_curve:P-224'],
  secp256k1: ['EC', 'ec_paramgen_curve:secp256k1'],
  Ed25519: ['ED25519', null],
  Ed448: ['ED448', null],
  'RSA 1024': ['RSA', 'rsa_keygen_bits:1024'],
  'RSA 2048': ['RSA', 'rsa_keygen_bits:2048'],
  'RSA 2048 e=3': ['RSA', 'rsa_keygen_pubexp:3'],
} as const;
export type KeyKind = keyof typeof keys;

/** The extensions of a certificate as openssl's configuration takes them. */
export const forMachine = (...uris: readonly string[]): readonly string[] => [
  'basicConstraints=critical,CA:FALSE',
  'keyUsage=critical,digitalSignature',
  'extendedKeyUsage=clientAuth,serverAuth',
  ...(uris.length === 0 ? [] : [`subjectAltName=${uris.map((uri) => `URI:${uri}`).join(',')}`]),
];
export const forAuthority: readonly string[] = [
  'basicConstraints=critical,CA:TRUE',
  'keyUsage=critical,keyCertSign,cRLSign',
  'subjectKeyIdentifier=hash',
];

/** A team's own authority, made with openssl: it shares no code with ours. */
export class Openssl {
  readonly dir = mkdtempSync(join(tmpdir(), 'throwover-openssl-'));
  #count = 0;

  remove(): void {
    rmSync(this.dir, { recursive: true });
  }

  run(...args: readonly string[]): string {
    return execFileSync('openssl', args, {
      cwd: this.dir,
      encoding: 'utf8',
      stdio: 'pipe',
      maxBuffer: 64 * 1024 * 1024,
    });
  }

  make(options: {
    readonly subject?: string;
    /** Absent: it signs itself. */
    readonly by?: Made;
    readonly extensions: readonly string[];
    readonly key?: KeyKind;
    /** The key of another certificate. */
    readonly keyOf?: Made;
    readonly digest?: string;
    readonly days?: number;
    readonly options?: readonly string[];
  }): Made {
    const { subject = '/CN=machine', by, extensions, key = 'P-256', keyOf } = options;
    this.#count += 1;
    const file = (kind: string) => join(this.dir, `${this.#count}.${kind}`);
    const [algorithm, parameter] = keys[key];
    const keyFile = keyOf?.keyFile ?? file('key');
    if (keyOf === undefined) {
      const parameters = parameter === null ? [] : ['-pkeyopt', parameter];
      this.run('genpkey', '-algorithm', algorithm, ...parameters, '-out', keyFile);
    }
    writeFileSync(
      file('cnf'),
      ['[req]', 'distinguished_name=dn', '[dn]', '[ext]', ...extensions, ''].join('\n'),
    );
    const digest = [`-${options.digest ?? 'sha256'}`, '-days', String(options.days ?? 30)];
    const more = options.options ?? [];
    if (by === undefined) {
      // prettier-ignore
      this.run(
        'req',
        '-x509',
        '-new',
        '-key',
        keyFile,
        '-subj',
        subject,
        '-config',
        file('cnf'),
        '-extensions',
        'ext',
        '-out',
        file('crt'),
        ...digest,
        ...more,
      );
    } else {
      // prettier-ignore
      this.run(
        'req',
        '-new',
        '-key',
        keyFile,
        '-subj',
        subject,
        '-config',
        file('cnf'),
        '-out',
        file('csr'),
      );
      // prettier-ignore
      this.run(
        'x509',
        '-req',
        '-in',
        file('csr'),
        '-CA',
        by.certificateFile,
        '-CAkey',
        by.keyFile,
        '-extfile',
        file('cnf'),
        '-extensions',
        'ext',
        '-out',
        file('crt'),
        ...digest,
        ...more,
      );
    }
    const certificate = new X509Certificate(readFileSync(file('crt')));
    return { certificate, der: certificate.raw, certificateFile: file('crt'), keyFile };
  }
}
