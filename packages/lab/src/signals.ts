/** Resolves `ended` at the first Ctrl-C or SIGTERM, so that what runs can be stopped in order; a second one ends the process. */
export function endOnSignal(): { readonly ended: Promise<void>; readonly end: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let asked = false;
  const onSignal = () => {
    if (asked) process.exit(130);
    asked = true;
    console.error('stopping the lab (again: at once)');
    resolve();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return { ended: promise, end: resolve };
}
