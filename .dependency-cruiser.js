/**
 * Directions of imports (docs/architecture.md). They point downward:
 * cli, server -> compose -> providers, store adapters -> runs -> traffic, functions, replication,
 * webhooks -> authority -> runbook -> store port -> service -> kernel, client.
 * cli -> simulation -> operations -> evidence, notify -> runs.
 */
const at = (...folders) => `^packages/throwover/src/(${folders.join('|')})(/|\\.ts$)`;
const domains = ['traffic', 'functions', 'replication', 'webhooks'];

const mayNot = (name, from, to, why) => ({
  name,
  severity: 'error',
  comment: why,
  from: { path: from, pathNot: '\\.(test|fixture)\\.ts$' },
  to: { path: to },
});

export default {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'A cycle is one module in two files.',
      from: {},
      to: { circular: true, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'resolvable',
      severity: 'error',
      comment: 'An import that does not resolve fails at run time.',
      from: {},
      to: { couldNotResolve: true },
    },
    mayNot('kernel-knows-nothing', at('kernel'), at('(?!kernel)[^/]+'), 'kernel knows no domain'),
    mayNot(
      'service-below',
      at('service'),
      at(
        'runs',
        ...domains,
        'authority',
        'evidence',
        'store',
        'providers',
        'server',
        'cli',
        'compose',
      ),
      'what a team declares knows nothing of how it is done',
    ),
    mayNot(
      'runbook-knows-no-domain',
      at('runbook'),
      at('runs', ...domains, 'authority', 'evidence', 'providers', 'server', 'cli', 'compose'),
      'the engine knows steps, no domain',
    ),
    ...domains.map((domain) =>
      mayNot(
        `${domain}-alone`,
        at(domain),
        at(
          ...domains.filter((other) => other !== domain),
          'runs',
          'evidence',
          'providers',
          'server',
          'cli',
          'compose',
        ),
        'the four domains never import each other, nor what stands above them',
      ),
    ),
    mayNot(
      'runs-are-lists',
      at('runs'),
      at('providers', 'server', 'cli', 'compose', 'evidence', 'store/(sqlite|remote|memory)'),
      'runs know ports, never adapters',
    ),
    mayNot(
      'operations-know-ports',
      at('operations'),
      at(
        'simulation',
        'providers',
        'server',
        'cli',
        'compose',
        'dashboard',
        'drills',
        'store/(sqlite|remote|memory)',
      ),
      'operations run on real regions and in the simulation: they know ports, never adapters',
    ),
    mayNot(
      'nothing-below-acts-alone',
      at(
        'kernel',
        'service',
        'runbook',
        'store',
        'authority',
        ...domains,
        'runs',
        'notify',
        'evidence',
        'drills',
        'dashboard',
        'providers',
      ),
      at('operations', 'simulation'),
      'operations and the simulation stand above everything that they drive',
    ),
    mayNot(
      'simulation-below-processes',
      at('simulation'),
      at('cli', 'server', 'compose', 'providers', 'store/(sqlite|remote)'),
      'the simulation drives the real operations, engine and guards, on models instead of adapters',
    ),
    mayNot(
      'operations-by-their-entry',
      at('simulation', 'server', 'cli', 'compose'),
      '^packages/throwover/src/operations/(?!operations\\.ts$)',
      'other folders enter operations by operations.ts',
    ),
    mayNot(
      'compose-alone-names-adapters',
      at('cli', 'server', 'evidence'),
      at('providers/(aws|http)'),
      'compose.ts alone names adapters',
    ),
    mayNot(
      'drills-below-the-operating-test',
      at('drills'),
      '^packages/throwover/src/evidence/(audit|facts|practice|week)[^/]*\\.ts$',
      'the operating test stands on drills, not the other way round',
    ),
    mayNot(
      'client-depends-on-nothing',
      '^packages/client/src',
      '^(packages/(throwover|lab)|node_modules)',
      'the client runs inside applications and has no dependency',
    ),
    mayNot(
      'lab-as-a-user',
      '^packages/lab/src',
      '^packages/throwover/src/(?!(throwover|kernel/kernel|traffic/edge)\\.ts$)',
      'the lab uses throwover only as a user can: through its exports and its command line',
    ),
    mayNot(
      'product-without-lab',
      '^packages/(throwover|client)',
      '^packages/lab',
      'the lab is no part of the product',
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['throwover-source', 'import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.json'],
    },
  },
};
