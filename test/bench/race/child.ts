/** One contender in a process of its own: `peers.ts` forks it, sends an `Order`, and hears `Report`s. */

import { type ContenderName, loadContender } from './contenders.ts'
import {
  type Achievement,
  type Course,
  type IdleAchievement,
  runCourse,
  runIdle,
} from './course.ts'

/** What the process is to do. */
export type Order =
  | { readonly type: 'course'; readonly contender: ContenderName; readonly course: Course }
  | { readonly type: 'idle'; readonly contender: ContenderName; readonly peers: number }

/** What it says. */
export type Report =
  | { readonly type: 'progress'; readonly text: string }
  | { readonly type: 'course'; readonly achievement: Achievement }
  | { readonly type: 'idle'; readonly achievement: IdleAchievement }

if (process.send !== undefined) {
  process.once('message', (order) => {
    // The parent is this project's own.
    run(order as Order).then(
      () => process.exit(0), // some keep timers for ever
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      },
    )
  })
}

async function run(order: Order): Promise<void> {
  const contender = await loadContender(order.contender)
  if (order.type === 'idle') {
    await report({ type: 'idle', achievement: await runIdle(contender, order.peers) })
    return
  }
  const tell = (text: string): void => {
    void report({ type: 'progress', text })
  }
  const achievement = await runCourse(contender, order.course, tell)
  await report({ type: 'course', achievement })
}

function report(message: Report): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, undefined, undefined, (error) => (error ? reject(error) : resolve()))
  })
}
