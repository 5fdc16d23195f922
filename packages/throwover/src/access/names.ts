/**
 * The name of a machine, as its certificate carries it: one URI among the subject alternative names.
 *
 *   throwover://checkout/guard/east/1      a role that stands in a region
 *   throwover://checkout/serve/1           a role that stands in none
 *
 * Each name has exactly one spelling, so that two names are equal only if their texts are.
 */

/** Roles that stand in a region. */
const regionalRoles = ['guard', 'agent', 'door', 'gateway'] as const;
/** Roles that stand outside the regions, or in any of them. */
const placelessRoles = ['serve', 'controller', 'metrics'] as const;
export const machineRoles = [...regionalRoles, ...placelessRoles] as const;
export type MachineRole = (typeof machineRoles)[number];

export interface MachineName {
  readonly service: string;
  readonly role: MachineRole;
  /** `null` exactly for serve, controller and metrics. */
  readonly region: string | null;
  /** Tells machines of one role apart: two gateways of one region are two. */
  readonly instance: string;
}

const scheme = 'throwover://';

/** Service and region as throwover.yaml takes them; no part can hold a `/`, a `%` or a `.`. */
const serviceForm = /^[a-z][a-z0-9-]{0,62}$/;
const regionForm = /^[a-z][a-z0-9-]{0,30}$/;
const instanceForm = /^[a-z0-9][a-z0-9-]{0,30}$/;

/** Returns the name in a URI; `null` if the URI is not exactly one that `formatName` makes. */
export function parseName(uri: string): MachineName | null {
  if (!uri.startsWith(scheme)) return null;
  const [service = '', role = '', ...rest] = uri.slice(scheme.length).split('/');
  if (rest.length > 2) return null;
  const [region, instance] = rest.length === 2 ? rest : [null, rest[0]];
  return checkedName({ service, role, region: region ?? null, instance: instance ?? '' });
}

/** Whether a URI means to be a name of throwover, well-formed or not. */
export function meansName(uri: string): boolean {
  return uri.trimStart().toLowerCase().startsWith('throwover:');
}

/** Returns the parts as a name; `null` if one of them is not well-formed, or the region is wrong for the role. */
export function checkedName(parts: {
  readonly service: string;
  readonly role: string;
  readonly region: string | null;
  readonly instance: string;
}): MachineName | null {
  const role = machineRoles.find((one) => one === parts.role);
  if (
    role === undefined ||
    !serviceForm.test(parts.service) ||
    !instanceForm.test(parts.instance)
  ) {
    return null;
  }
  const regional = regionalRoles.some((one) => one === role);
  if (regional !== (parts.region !== null)) return null;
  if (parts.region !== null && !regionForm.test(parts.region)) return null;
  return { service: parts.service, role, region: parts.region, instance: parts.instance };
}

export function formatName(name: MachineName): string {
  return `${scheme}${pathOfName(name)}`;
}

/** Returns the name for people, without the scheme: `checkout/guard/east/1`. */
export function pathOfName({ service, role, region, instance }: MachineName): string {
  return [service, role, ...(region === null ? [] : [region]), instance].join('/');
}
