/**
 * An error in the shape of the Lambda API: name, HTTP status, and the key of its message in the
 * model.
 */
export class LambdaError extends Error {
  readonly code: Code;
  readonly reason: ThrottleReason | undefined;

  constructor(code: Code, message: string, reason?: ThrottleReason) {
    super(message);
    this.name = 'LambdaError';
    this.code = code;
    this.reason = reason;
  }

  toResponse(): Response {
    const { status, textKey, type } = shapes[this.code];
    return new Response(
      JSON.stringify({
        Type: type,
        [textKey]: this.message,
        ...(this.reason === undefined ? {} : { Reason: this.reason }),
      }),
      {
        status,
        headers: {
          'content-type': 'application/json',
          'x-amzn-errortype': this.code,
          ...(status === 429 ? { 'retry-after': '1' } : {}),
        },
      },
    );
  }
}

export const throttled = (reason: ThrottleReason) =>
  new LambdaError('TooManyRequestsException', 'Rate Exceeded.', reason);

export const invalid = (message: string) =>
  new LambdaError('InvalidParameterValueException', message);

export const notFound = (message: string) => new LambdaError('ResourceNotFoundException', message);

/** The two limits that throttle an invocation, and the one on new environments. */
type ThrottleReason =
  | 'ConcurrentInvocationLimitExceeded'
  | 'ReservedFunctionConcurrentInvocationLimitExceeded'
  | 'FunctionInvocationRateLimitExceeded';

type Code = keyof typeof shapes;

const shapes = {
  ResourceNotFoundException: { status: 404, textKey: 'Message', type: 'User' },
  ProvisionedConcurrencyConfigNotFoundException: { status: 404, textKey: 'message', type: 'User' },
  InvalidParameterValueException: { status: 400, textKey: 'message', type: 'User' },
  InvalidRequestContentException: { status: 400, textKey: 'message', type: 'User' },
  RequestTooLargeException: { status: 413, textKey: 'message', type: 'User' },
  TooManyRequestsException: { status: 429, textKey: 'message', type: 'User' },
  ServiceException: { status: 500, textKey: 'Message', type: 'Service' },
} as const;
