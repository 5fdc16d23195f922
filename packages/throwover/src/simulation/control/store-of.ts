import { type Call, callNames, type Store } from '../../store/store.ts';

/** Returns a store whose calls all go through one function, by name. */
export function storeOf(call: (name: Call, input: unknown) => Promise<unknown>): Store {
  const calls = callNames.map((name) => [name, (input: unknown) => call(name, input)]);
  return Object.fromEntries(calls) as unknown as Store;
}
