/** Of 100, to two digits after the point, and never as all of them if a part is missing: `99.98`, `100`. */
export function percent(value: number): string {
  const rounded = Number(value.toFixed(2))
  return String(value < 100 ? Math.min(99.99, rounded) : rounded)
}
