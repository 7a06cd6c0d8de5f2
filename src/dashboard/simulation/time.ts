/** The steps in which a chart over the network's time is marked. Seconds. */
export const TIME_STEPS: readonly number[] = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600,
  1_200, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400, 172_800, 432_000, 864_000, 2_592_000,
  8_640_000,
]

/** A moment of the network's time: `0.2 s`, `40 s`, `20 min`, `1 h`, `1 h 20`, `3 d`, `3 d 6 h`. */
export function moment(seconds: number): string {
  if (seconds < 60 || seconds % 60 !== 0) return `${Number(seconds.toFixed(3))} s`
  const minutes = seconds / 60
  const hours = Math.floor(minutes / 60)
  if (hours === 0) return `${minutes} min`
  const days = Math.floor(hours / 24)
  if (days > 0) return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${String(minutes % 60).padStart(2, '0')}`
}
