/**
 * The adapters of throwover's own processes. Each is loaded when its process starts, so that no
 * other command waits for it.
 */
export const processes = {
  guard: () => import('../providers/postgres/guard/guard.ts'),
  guardPreStart: () => import('../providers/postgres/guard/pre-start.ts'),
  guardLocal: () => import('../providers/postgres/guard/local.ts'),
  embeddedStore: () => import('../store/sqlite/sqlite-store.ts'),
};
