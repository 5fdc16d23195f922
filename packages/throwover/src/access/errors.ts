import { defineErrors } from '../kernel/kernel.ts';

export const accessErrors = defineErrors({
  'certificate-files-wrong': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy:
      'Correct the file named above. `throwover pki show FILE` shows what a file of certificates holds; docs/certificates.md says which files a machine needs.',
  },
  'certificate-memory-unreadable': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Everything in the file: nothing was written to it.',
    remedy:
      'Let this process read and write the file named above. Do not delete it: it holds every revocation that this machine has learned.',
  },
  'pki-folder-taken': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed: the authority in this folder is as it was.',
    remedy:
      'Name another folder with `--dir`. To issue what is missing in this one: `throwover pki issue --for throwover.yaml`. To replace the authority in this one, see `throwover pki rotate --help`.',
  },
  'pki-folder-missing': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy:
      'Name the folder of the authority with `--dir`, or create one: `throwover pki init --dir DIR`.',
  },
  'pki-folder-damaged': {
    disposition: 'page',
    notLost: 'Nothing was changed. Certificates that machines have stay valid.',
    remedy:
      'Restore the folder from a backup. Without one, create an authority in a new folder, add its ca certificate to trust.pem on every machine, then issue every certificate again.',
  },
  'pki-folder-unwritable': {
    disposition: 'stop',
    exit: 'usage',
    notLost:
      'Certificates that machines have stay valid. The next command completes or takes back what this one has begun.',
    remedy:
      'See that the disk is not full and that the file named above may be written by this user, then run the command again.',
  },
  'pki-folder-newer': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy: 'Use the version of throwover that wrote this folder, or a later one.',
  },
  'pki-authority-expired': {
    disposition: 'stop',
    exit: 'refused',
    notLost: 'Nothing was changed. What the authority has issued is still trusted.',
    remedy:
      'Run `throwover pki rotate`, copy trust.pem to every machine, then run `throwover pki renew --all`. See docs/certificates.md, "Rotating the authority".',
  },
  'pki-clock-behind': {
    disposition: 'stop',
    exit: 'refused',
    notLost: 'Nothing was changed.',
    remedy:
      "If this computer's clock is behind, set it and run the command again. If the clock was ahead when the certificate named above was issued, revoke that serial number with `throwover pki revoke SERIAL`, copy crl.pem to every machine, then issue a new certificate with `throwover pki issue`.",
  },
  'pki-name-revoked': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy:
      'A revoked certificate is not renewed. If this machine may take part again, issue a new one with `throwover pki issue`.',
  },
  'pki-busy': {
    disposition: 'retry',
    notLost: 'Nothing was changed.',
    remedy:
      'Another `throwover pki` works in this folder. Wait until it has ended, then try again.',
  },
  'pki-name-wrong': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy:
      'Service and region are a-z, 0-9 and -, as in throwover.yaml. guard, agent, door and gateway need --region; serve, controller and metrics take none.',
  },
  'pki-name-issued': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy:
      'Renew it with `throwover pki renew NAME`, or give a second machine another `--instance`.',
  },
  'pki-name-unknown': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy: 'See `throwover pki show` for the names and, with `--json`, the serial numbers.',
  },
  'pki-file-there': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed: the file is as it was.',
    remedy: 'Move the file named above away; this authority did not write it.',
  },
  'pki-authority-in-use': {
    disposition: 'stop',
    exit: 'refused',
    notLost: 'Nothing was changed: every authority is still trusted.',
    remedy:
      'Renew what the old authority has issued with `throwover pki renew --all`, put the new files on the machines, then try again. Revoke what is not needed any more.',
  },
});
