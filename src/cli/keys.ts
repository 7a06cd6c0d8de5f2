/** The record key that a user means: a bare word such as `greeting` is `/kv/greeting`. */
export function keyText(given: string): string {
  return given.startsWith('/') ? given : `/kv/${given}`
}

/** The name that a user gives a mutable value: with or without its key's beginning. */
export function mutableName(given: string): string {
  return given.startsWith('/mutable/') ? given.split('/').slice(3).join('/') : given
}
