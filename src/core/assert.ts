/**
 * Stops the program when an invariant of our own is broken. Never used on what comes from users or from the network.
 *
 * @throws Error with the message, which carries the numbers.
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`broken invariant: ${message}`)
}

/** Ends a `switch` over a union: the compiler refuses it while a case is missing. */
export function unreachable(value: never): never {
  throw new Error(`broken invariant: no case for ${JSON.stringify(value)}`)
}
