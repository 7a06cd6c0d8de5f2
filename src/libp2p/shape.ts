type TypeNames = {
  string: string
  number: number
  boolean: boolean
  object: object
  function: (...args: never[]) => unknown
}

/**
 * Whether an object of another package has these fields, by the names of their types: where we build upon what a package
 * does not promise, what it promises to TypeScript is not to be trusted either.
 */
export function isShapedLike<Shape extends Readonly<Record<string, keyof TypeNames>>>(
  value: object,
  shape: Shape,
): value is { -readonly [Name in keyof Shape]: TypeNames[Shape[Name]] } {
  return Object.entries(shape).every(([name, type]) => {
    const field: unknown = Reflect.get(value, name)
    return typeof field === type && field !== null
  })
}
