/**
 * `npm run test:durability [kills=20] [puts=1000] [sync]`: a daemon is killed with SIGKILL amid its puts, again and again in
 * one data directory; every value that it had acknowledged must be there after each restart. Fails if one is not.
 */

import { type KillRound, killAmidPuts } from '../support/durability.ts'
import { Daemons } from '../support/kad.ts'

const given = process.argv.slice(2)
const kills = numberOf('kills', 20)
const puts = numberOf('puts', 1_000)
const args = given.includes('sync') ? ['--sync-writes'] : []

const daemons = new Daemons()
try {
  const onRound = (round: KillRound): void => {
    process.stderr.write(`kill ${String(round.round).padStart(2)} of ${kills}: ${told(round)}\n`)
  }
  summarize(await killAmidPuts(daemons, { kills, puts, args, onRound }))
} finally {
  await daemons.close()
}

function summarize(rounds: readonly KillRound[]): void {
  const sum = (of: (round: KillRound) => number): number =>
    rounds.reduce((total, round) => total + of(round), 0)
  const lost = sum((round) => round.lost.length)
  const acknowledged = sum(({ own, held }) => own + held)
  process.stdout.write(
    `${rounds.length} kills amid ${puts} puts${args.length > 0 ? ', each write forced to the disk' : ''}: ` +
      `${acknowledged} values acknowledged, ${sum((round) => round.unacknowledged)} puts cut off, ` +
      `${sum((round) => round.checked)} reads after restarts, ${lost} acknowledged values lost\n`,
  )
  for (const { lost: keys } of rounds)
    for (const key of keys) process.stdout.write(`lost: ${key}\n`)
  if (lost > 0) process.exitCode = 1
}

function told({ own, held, unacknowledged, checked, lost, restartMs }: KillRound): string {
  return (
    `${own} own and ${held} held values acknowledged, ${unacknowledged} cut off; ` +
    `back in ${Math.round(restartMs)} ms; ${checked} read, ${lost.length} lost`
  )
}

function numberOf(name: string, fallback: number): number {
  const text = given.find((argument) => argument.startsWith(`${name}=`))
  if (text === undefined) return fallback
  const value = Number(text.slice(name.length + 1))
  if (Number.isInteger(value) && value > 0) return value
  throw new Error(`${name} must be a whole number above 0, got '${text}'`)
}
