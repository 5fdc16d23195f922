/** Messages between the pool and an instance over the IPC channel. One request at a time. */
export type ToInstance = {
  readonly type: 'invoke';
  readonly requestId: string;
  /** The event as JSON text. */
  readonly payload: string;
};

export type FromInstance =
  /** The handler is loaded and its top-level code has run. */
  | { readonly type: 'ready' }
  | { readonly type: 'init-failed'; readonly error: FunctionError }
  | { readonly type: 'answer'; readonly requestId: string; readonly payload: string }
  | { readonly type: 'failed'; readonly requestId: string; readonly error: FunctionError };

/** The body of an answer with `X-Amz-Function-Error`, in Lambda's form. */
export interface FunctionError {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
}
