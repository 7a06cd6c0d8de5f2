/**
 * An iteration over what `run` pushes while it runs. It begins with the first `next`, throws what `run` throws, and a reader
 * who breaks off aborts it.
 *
 * What is pushed waits until it is read: for runs that end by themselves and push little.
 */
export async function* pushed<Item>(
  signal: AbortSignal | undefined,
  run: (push: (item: Item) => void, ended: AbortSignal) => Promise<void>,
): AsyncGenerator<Item, void, undefined> {
  signal?.throwIfAborted()
  const left = new AbortController()
  const ended = signal === undefined ? left.signal : AbortSignal.any([signal, left.signal])
  const items: Item[] = []
  let wake: () => void = () => {}
  let isOver = false
  const push = (item: Item): void => {
    items.push(item)
    wake()
  }
  const running = run(push, ended).finally(() => {
    isOver = true
    wake()
  })
  // It is awaited below; until then a failure is not unhandled.
  running.catch(() => {})
  try {
    for (;;) {
      yield* items.splice(0)
      if (items.length > 0) continue // they came while the others were read
      if (isOver) break
      await new Promise<void>((resolve) => {
        wake = resolve
        if (isOver || items.length > 0) resolve()
      })
    }
    await running
  } finally {
    left.abort(new Error('the reader has left'))
  }
}
