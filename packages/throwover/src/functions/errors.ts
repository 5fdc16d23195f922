import { defineErrors } from '../kernel/kernel.ts';

export const functionErrors = defineErrors({
  'functions-unreachable': {
    disposition: 'retry',
    answered: false,
    exit: 'away',
    notLost:
      'The functions run on as they are; whether the last request took effect is checked again by the next `resume`.',
    remedy:
      'Check that this machine reaches the Lambda API of the region that is named (network, endpoint, DNS), then `throwover resume`.',
  },
  'functions-denied': {
    disposition: 'stop',
    notLost: 'Nothing was changed.',
    remedy:
      'Give throwover credentials that may read the function, the account settings and put, get and delete its provisioned concurrency: see `aws sts get-caller-identity`.',
  },
  'functions-missing': {
    disposition: 'stop',
    notLost: 'Nothing was changed.',
    remedy:
      'Deploy the function and its alias to the region that is named, or correct `functions` in throwover.yaml: see `aws lambda list-aliases`.',
  },
  'functions-refused': {
    disposition: 'stop',
    notLost: 'Nothing was changed by this request.',
    remedy: 'Read what Lambda answered, correct it, and run `throwover check`.',
  },
  'functions-quota': {
    disposition: 'stop',
    notLost: 'Nothing was changed; the active region goes on as it was.',
    remedy:
      'Ask AWS for a higher "Concurrent executions" quota in the region that is named (Service Quotas, L-B99A9384), raise the function\'s reserved concurrency, lower `functions.warm`, or accept fewer warm instances with `--override small-functions-quota`.',
  },
  'functions-provision-failed': {
    disposition: 'stop',
    notLost:
      'Traffic has not moved; the capacity that was asked for is released when the run ends.',
    remedy:
      'Read the reason and the log of the function in that region: its start fails there. `aws lambda get-provisioned-concurrency-config` shows the state.',
  },
  'functions-not-wrapped': {
    disposition: 'stop',
    notLost:
      'Traffic has not moved. The function was invoked once with an event that it does not know, and no more.',
    remedy:
      'Wrap the handler with `withWarmUp` of @throwover/client and deploy it to both regions, or choose another `functions.strategy`.',
  },
  'functions-warm-up-incomplete': {
    disposition: 'stop',
    notLost:
      'Traffic has not moved. Environments that were started stay until the provider ends them, and cost nothing meanwhile.',
    remedy:
      'Read the reason: throttled invocations ask for more concurrency in that region, failed ones for a look at its log. `functions.strategy: provisioned-window` does not depend on how long invocations overlap.',
  },
  'functions-ramp-held': {
    disposition: 'stop',
    notLost: 'No request was lost: all of them go to the region that they came from again.',
    remedy:
      'The share of traffic could not grow for too long; the figures are in the evidence. Set a warmer `functions.strategy`, or read the log of the function. When `throwover runs` shows that this run has ended, begin a new one.',
  },
  'functions-prices-old': {
    disposition: 'stop',
    notLost: 'Nothing was changed; no run needs a price.',
    remedy:
      'Compare `functions.prices` in throwover.yaml (or the list that came with throwover) with its source, and write down the day; or raise `functions.priceMaxAge`.',
  },
  'functions-differ': {
    disposition: 'stop',
    notLost: 'Nothing was changed.',
    remedy:
      'Deploy the same version with the same settings to both regions, or accept the difference with `--override different-functions`.',
  },
});
