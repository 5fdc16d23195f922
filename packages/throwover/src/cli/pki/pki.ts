import { join } from 'node:path';
import {
  accessErrors,
  certificatesInFile,
  checkedName,
  contentOf,
  finishRotation,
  initPki,
  issue,
  type PkiCertificate,
  renew,
  revoke,
  rotate,
} from '../../access/access.ts';
import { type MachineName, pathOfName } from '../../access/names.ts';
import { maxColumns } from '../../kernel/kernel.ts';
import { loadService } from '../../service/service.ts';
import { cliErrors } from '../errors.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { outputOf, type Terminal } from '../terminal.ts';
import { columns } from '../text/columns.ts';

interface Given {
  readonly dir: string;
  readonly json?: boolean;
}

const placeOf = ({ clock }: Terminal, { dir }: Given) => ({ dir, nowWallMs: clock.wallMs() });

function answer(terminal: Terminal, given: Given, value: unknown, text: string): ExitCode {
  outputOf(terminal, given.json === true).result(value, text);
  return exitCodes.ok;
}

async function init(
  terminal: Terminal,
  given: Given & { readonly for?: string; readonly days: number },
): Promise<ExitCode> {
  const { dir, for: file, days } = given;
  // A file that is wrong is refused before anything is written.
  const names = file === undefined ? [] : await machinesOf(file);
  const { authorities } = await initPki(placeOf(terminal, given));
  const certificates = await issueMissing(terminal, given, { names, days });
  const text = [
    `The authority is in ${dir}, valid until ${dayOf(authorities[0]?.notAfter ?? '')}.`,
    `Whoever reads ${join(dir, 'authorities', '1.key')} can be every machine: keep the`,
    'directory off the machines of the service, and back it up.',
    ...(certificates.length > 0
      ? [issuedText(dir, certificates)]
      : [`Next: throwover pki issue --dir ${dir} --for throwover.yaml`]),
  ];
  return answer(terminal, given, { dir, authorities, certificates }, text.join('\n'));
}

/** The machines that a service has by its declaration: one of each role, where it stands. */
async function machinesOf(file: string): Promise<readonly MachineName[]> {
  const { service } = await loadService(file);
  const named = (role: string, region: string | null = null) => {
    const name = checkedName({ service: service.name, role, region, instance: '1' });
    if (name !== null) return name;
    throw accessErrors.make(
      'pki-name-wrong',
      `${file}: no machine can have the service "${service.name}" and the region "${region}"`,
    );
  };
  return [
    ...['serve', 'controller'].map((role) => named(role)),
    ...Object.entries(service.regions).flatMap(([region, { gateway }]) =>
      ['guard', 'door', ...(gateway === undefined ? [] : ['gateway'])].map((role) =>
        named(role, region),
      ),
    ),
  ];
}

async function issueMissing(
  terminal: Terminal,
  given: Given,
  { names, days }: { readonly names: readonly MachineName[]; readonly days: number },
): Promise<readonly PkiCertificate[]> {
  if (names.length === 0) return [];
  const place = placeOf(terminal, given);
  const { certificates } = await contentOf(place);
  const known = new Set(certificates.map(({ name }) => name));
  const issued: PkiCertificate[] = [];
  for (const name of names) {
    if (known.has(pathOfName(name))) continue;
    issued.push(...(await issue(place, { name, hosts: [], days })));
  }
  return issued;
}

async function issueOne(
  terminal: Terminal,
  given: Given & {
    readonly for?: string;
    readonly service?: string;
    readonly role?: string;
    readonly region?: string;
    readonly instance: string;
    readonly host: readonly string[];
    readonly days: number;
  },
): Promise<ExitCode> {
  const { for: file, service, role, region = null, instance, host, days } = given;
  if (file !== undefined) {
    const certificates = await issueMissing(terminal, given, {
      names: await machinesOf(file),
      days,
    });
    const text =
      certificates.length === 0
        ? `every machine of ${file} has a certificate`
        : issuedText(given.dir, certificates);
    return answer(terminal, given, { certificates }, text);
  }
  if (service === undefined || role === undefined) {
    throw cliErrors.make('usage-wrong', 'give --service and --role, or --for throwover.yaml');
  }
  const name = checkedName({ service, role, region, instance });
  if (name === null) {
    throw accessErrors.make(
      'pki-name-wrong',
      `no machine can have the service "${service}", role "${role}", ${region === null ? 'no region' : `region "${region}"`} and instance "${instance}"`,
    );
  }
  const wrong = host.find((one) => !/^[A-Za-z0-9.:*-]{1,253}$/.test(one));
  if (wrong !== undefined) {
    throw cliErrors.make('usage-wrong', `--host "${wrong}" is neither a host name nor an address`);
  }
  const certificates = await issue(placeOf(terminal, given), { name, hosts: host, days });
  return answer(terminal, given, { certificates }, issuedText(given.dir, certificates));
}

async function renewSome(
  terminal: Terminal,
  given: Given & {
    readonly name?: string;
    readonly all?: boolean;
    readonly within: number;
    readonly days: number;
  },
): Promise<ExitCode> {
  const { name, all, within, days } = given;
  if ((name === undefined) === (all !== true)) {
    throw cliErrors.make('usage-wrong', 'give either the name of a certificate or --all');
  }
  const certificates = await renew(placeOf(terminal, given), {
    ...(name === undefined ? { withinDays: within } : { which: name }),
    days,
  });
  const text =
    certificates.length === 0
      ? `no certificate expires within ${within} days`
      : issuedText(given.dir, certificates);
  return answer(terminal, given, { certificates }, text);
}

async function revokeSome(
  terminal: Terminal,
  given: Given & { readonly name: string },
): Promise<ExitCode> {
  const certificates = await revoke(placeOf(terminal, given), given.name);
  const text = [
    ...certificates.map(({ name, serial }) => `revoked ${name}\n  serial number ${serial}`),
    `Next: copy ${join(given.dir, 'crl.pem')} to every machine. No restart is needed.`,
  ];
  return answer(terminal, given, { certificates }, text.join('\n'));
}

async function rotateOrFinish(
  terminal: Terminal,
  given: Given & { readonly finish?: boolean },
): Promise<ExitCode> {
  const place = placeOf(terminal, given);
  const { authorities } = await (given.finish === true ? finishRotation(place) : rotate(place));
  const trust = join(given.dir, 'trust.pem');
  const text =
    given.finish === true
      ? [`${trust} holds only the newest authority now.`, 'Next: copy it to every machine.']
      : [
          `${trust} holds the old and the new authority now. The new one issues.`,
          `Next: 1. copy ${trust} to every machine, before any new certificate`,
          `      2. throwover pki renew --all --dir ${given.dir}, and copy certificates and keys`,
          `      3. throwover pki rotate --finish --dir ${given.dir}`,
        ];
  return answer(terminal, given, { authorities }, text.join('\n'));
}

async function show(
  terminal: Terminal,
  given: Given & { readonly file?: string },
): Promise<ExitCode> {
  const place = placeOf(terminal, given);
  if (given.file !== undefined) {
    const certificates = await certificatesInFile(given.file, place.nowWallMs);
    return answer(terminal, given, { certificates }, tableOf(certificates));
  }
  const content = await contentOf(place);
  const rows = [
    ...content.authorities.map((one) => ({ ...one, name: `authority ${one.number}` })),
    ...content.certificates,
  ];
  return answer(terminal, given, content, tableOf(rows));
}

function issuedText(dir: string, certificates: readonly PkiCertificate[]): string {
  const lines = certificates.flatMap(({ name, notAfter, daysLeft, files }) => [
    `${name}, valid until ${dayOf(notAfter)} (${daysLeft} days)`,
    ...(files === null
      ? []
      : [`  certificate  ${files.certificate}`, `  key          ${files.key}`]),
  ]);
  return [
    ...lines,
    `The machine also needs ${join(dir, 'trust.pem')} and ${join(dir, 'crl.pem')}.`,
  ].join('\n');
}

interface Row {
  readonly name: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly daysLeft: number;
  readonly state: string;
}

/** What the dates, the days and the state take beside a name. */
const datesColumns = 44;

function tableOf(rows: readonly Row[]): string {
  // A name that leaves no room for the rest stands on a line of its own.
  const fits = (name: string) => name.length <= maxColumns - datesColumns;
  const table = columns([
    ['name', 'not before', 'expires', 'days left', 'state'],
    ...rows.map(({ name, notBefore, notAfter, daysLeft, state }) => [
      fits(name) ? name : '',
      dayOf(notBefore),
      dayOf(notAfter),
      String(daysLeft),
      state,
    ]),
  ]);
  const [head = '', ...lines] = table.split('\n');
  return [
    head,
    ...lines.flatMap((line, index) => {
      const { name = '' } = rows[index] ?? {};
      return fits(name) ? [line] : [name, line];
    }),
  ].join('\n');
}

/** Dates alone: the table has 80 columns; `--json` has the times. */
const dayOf = (iso: string) => iso.slice(0, 10);

/** What each of the commands does. */
export const pkiActions = {
  init,
  issue: issueOne,
  renew: renewSome,
  revoke: revokeSome,
  rotate: rotateOrFinish,
  show,
};
