/**
 * What comes of a promise, or the signal's reason if that aborts first. What the promise stands for goes on: others may wait
 * for it too.
 */
export async function abortable<Result>(
  promise: Promise<Result>,
  signal: AbortSignal | undefined,
): Promise<Result> {
  if (signal === undefined) return promise
  let onAbort: () => void = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => {
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- the caller's own reason, unchanged
      reject(signal.reason)
    }
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
