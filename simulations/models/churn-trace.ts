/**
 * Measured traces of who was there when.
 *
 * A CSV file with a heading and one line for each session:
 *
 *     peer,joined_at,left_at
 *     QmA,0,5400
 *     QmB,-1,
 *
 * `peer` is any text without commas; the sessions of one peer come back with the same identity. Times are seconds since the
 * beginning of the trace, which is that of the churn; who joined at 0 or before is there from the start, an empty `left_at`
 * stays to the end, and a session that ended before the beginning is passed over, as are empty lines and those that begin
 * with #.
 */
export interface TraceSession {
  readonly peer: string
  /** ms since the beginning of the trace. */
  readonly joinedAt: number
  /** ms; `Infinity`: stays to the end. */
  readonly leftAt: number
}

/** Sessions read from one file at most. */
const SESSIONS_MAX = 5_000_000

/**
 * Reads a trace, sorted by the time of joining.
 *
 * @throws RangeError that names the line and what is wrong with it.
 */
export function parseTrace(text: string): TraceSession[] {
  const sessions: TraceSession[] = []
  let heading: string | undefined
  text.split(/\r?\n/).forEach((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return
    if (heading === undefined) {
      heading = line.replaceAll(' ', '')
      if (heading !== 'peer,joined_at,left_at') {
        throw new RangeError(`line ${index + 1}: the heading must be peer,joined_at,left_at`)
      }
      return
    }
    if (sessions.length >= SESSIONS_MAX) throw new RangeError(`more than ${SESSIONS_MAX} sessions`)
    sessions.push(parseLine(line, index + 1))
  })
  if (sessions.length === 0) throw new RangeError('the trace has no sessions')
  sessions.sort((a, b) => a.joinedAt - b.joinedAt || (a.peer < b.peer ? -1 : 1))
  checkOverlaps(sessions)
  return sessions
}

/** How many peers are there when the trace begins. */
export function peersAtStart(trace: readonly TraceSession[]): number {
  return trace.filter(({ joinedAt, leftAt }) => joinedAt <= 0 && leftAt > 0).length
}

function parseLine(line: string, number: number): TraceSession {
  const fields = line.split(',').map((field) => field.trim())
  const [peer = '', joined = '', left = ''] = fields
  const joinedAt = Number(joined) * 1000
  const leftAt = left === '' ? Infinity : Number(left) * 1000
  if (fields.length !== 3 || peer === '' || joined === '' || Number.isNaN(joinedAt)) {
    throw new RangeError(`line ${number}: peer, joined_at and left_at are needed, got '${line}'`)
  }
  if (!(leftAt > joinedAt)) {
    throw new RangeError(`line ${number}: left_at must be a time after joined_at, got '${line}'`)
  }
  return { peer, joinedAt, leftAt }
}

function checkOverlaps(sessions: readonly TraceSession[]): void {
  const upUntil = new Map<string, number>()
  for (const { peer, joinedAt, leftAt } of sessions) {
    if ((upUntil.get(peer) ?? -Infinity) > joinedAt) {
      throw new RangeError(`two sessions of ${peer} overlap at ${joinedAt / 1000} s`)
    }
    upUntil.set(peer, leftAt)
  }
}
