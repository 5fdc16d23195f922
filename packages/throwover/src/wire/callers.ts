import type { IncomingMessage } from 'node:http';
import type { Judgement } from '../access/access.ts';
import type { Machine } from '../access/machine.ts';
import { formatName, type MachineName, type MachineRole } from '../access/names.ts';
import type { ThrowoverError } from '../kernel/kernel.ts';
import { wireErrors } from './errors.ts';
import type { Call, Role } from './wire.ts';

/**
 * What a machine acts as. A person works with the certificate of a controller. `throwover serve`
 * carries on runs whose controller is gone, and begins those of a standing policy.
 */
const actsAs: Readonly<Record<MachineRole, readonly Role[]>> = {
  controller: ['controller', 'viewer', 'operator'],
  serve: ['serve', 'controller', 'viewer', 'operator'],
  guard: ['guard'],
  agent: [],
  door: [],
  gateway: [],
  metrics: ['metrics'],
};

/** Who calls this process, and what they may. */
export interface Callers {
  /** Returns why nobody but a machine of this service may ask anything; `null`: it may. */
  refused(request: IncomingMessage): ThrowoverError | null;
  /** Returns why this call is not for this caller; `null`: it is. `body` is the parsed one. */
  notAllowed(request: IncomingMessage, name: string, call: Call): ThrowoverError | null;
  notForGuard(request: IncomingMessage, call: Call, body: unknown): ThrowoverError | null;
}

/** Default deny: a role that a call does not name may not call it. */
export function callersOf(machine: Machine): Callers {
  const caller = (request: IncomingMessage) => machine.callerOf(request.socket);
  return {
    refused: (request) => {
      const judgement = caller(request);
      return judgement.state === 'refused' ? notTrusted(judgement) : null;
    },
    notAllowed: (request, name, call) => {
      const judgement = caller(request);
      if (judgement.state === 'refused') return notTrusted(judgement);
      const roles = rolesOf(judgement.name, machine.name);
      if (!call.roles.some((role) => roles.includes(role))) {
        const who = formatName(judgement.name);
        const message = `${name} is for ${call.roles.join(', ')}; the caller is ${who}`;
        return wireErrors.make('call-not-allowed', message, { call: name, caller: who });
      }
      if (call.inDateOnly !== true || judgement.state === 'valid') return null;
      const message = `${name}: the caller's certificate is not in date: ${judgement.said}`;
      return wireErrors.make('certificate-out-of-date', message, { state: judgement.state });
    },
    notForGuard: (request, call, body) => {
      const judgement = caller(request);
      // It may have been revoked while its body was read.
      if (judgement.state === 'refused') return notTrusted(judgement);
      const { name } = judgement;
      if (name.role !== 'guard' || call.guardOf === undefined) return null;
      const region = call.guardOf(body);
      if (region === name.region) return null;
      const message = `the guard of ${name.region} speaks for ${region}`;
      return wireErrors.make('call-not-allowed', message, { caller: formatName(name), region });
    },
  };
}

function notTrusted({ reason, said }: Extract<Judgement, { state: 'refused' }>): ThrowoverError {
  return wireErrors.make('caller-refused', `the caller's certificate: ${said}`, { reason });
}

/** A command of a person on this host comes with the machine's own certificate. */
function rolesOf(name: MachineName, own: MachineName): readonly Role[] {
  return formatName(name) === formatName(own) ? [...actsAs[name.role], 'host'] : actsAs[name.role];
}
