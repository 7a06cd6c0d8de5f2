import type { Contact } from '../../src/core/contact.ts'
import { compareDistance, type Key, toHex } from '../../src/core/key.ts'
import type { RpcFailure, RpcRequest, RpcResponse } from '../../src/core/message.ts'
import type { Operation } from '../../src/core/operation.ts'

/** What a scripted peer does with a request; `undefined`: it stays silent until the deadline. */
export type Script = (
  request: RpcRequest,
) =>
  | { response: RpcResponse; afterMs?: number }
  | { failure: RpcFailure; afterMs?: number }
  | undefined

/** What a run of an operation against scripted peers showed. */
export interface ScriptedRun<Result> {
  readonly result: Result
  /** Every request in order of sending. */
  readonly sent: readonly { to: Contact; request: RpcRequest; at: number }[]
  /** Requests under way at once, at most. */
  readonly parallelMax: number
  readonly endedAt: number
}

interface Pending {
  readonly at: number
  readonly order: number
  readonly act: (now: number) => void
}

/** Drives an operation in virtual time against scripted peers: the test's own driver, some lines long. */
export function runScripted<Result>(
  operation: Operation<Result>,
  scripts: ReadonlyMap<string, Script>,
  latencyMs = 10,
): ScriptedRun<Result> {
  const pending: Pending[] = []
  const sent: { to: Contact; request: RpcRequest; at: number }[] = []
  let now = 0
  let order = 0
  let underWay = 0
  let parallelMax = 0
  const schedule = (at: number, act: (now: number) => void): void => {
    pending.push({ at, order: order++, act })
    pending.sort((a, b) => a.at - b.at || a.order - b.order)
  }
  for (let steps = 0; steps < 100_000; steps++) {
    const step = operation.next(now)
    if (step.type === 'done') return { result: step.result, sent, parallelMax, endedAt: now }
    if (step.type === 'send') {
      sent.push({ to: step.to, request: step.request, at: now })
      underWay += 1
      parallelMax = Math.max(parallelMax, underWay)
      const { to, request, deadline } = step
      const end = scripts.get(toHex(to.key))?.(step.request)
      const at = now + (end?.afterMs ?? latencyMs)
      const isInTime = end !== undefined && at < deadline
      schedule(isInTime ? at : deadline, (then) => {
        underWay -= 1
        if (!isInTime) operation.onFailure(to, { type: 'timeout' }, then, request)
        else if ('response' in end) operation.onResponse(to, end.response, then, request)
        else operation.onFailure(to, end.failure, then, request)
      })
      continue
    }
    if (step.until <= now) throw new Error(`waits until ${step.until}, which is not after ${now}`)
    const next = pending[0]
    if (next === undefined && !Number.isFinite(step.until)) throw new Error('waits for nothing')
    if (next === undefined || next.at > step.until) {
      now = step.until
    } else {
      pending.shift()
      now = next.at
      next.act(now)
    }
  }
  throw new Error('the operation does not end')
}

/** A peer that answers FIND_NODE and GET_VALUE with the `count` contacts it knows nearest to the target. */
export function honest(knows: readonly Contact[], count = 20): Script {
  return (request) => {
    const closer = 'target' in request ? nearest(knows, request.target, count) : []
    switch (request.type) {
      case 'find-node':
        return { response: { type: 'find-node', closer } }
      case 'get-value':
        return { response: { type: 'get-value', record: undefined, closer } }
      case 'get-providers':
        return { response: { type: 'get-providers', providers: [], closer } }
      case 'put-value':
      case 'add-provider': {
        const { type, tellCloser } = request
        return { response: tellCloser === true ? { type, closer } : { type } }
      }
      case 'watch':
        return { failure: { type: 'refused', reason: 'a scripted peer tells no news' } }
      default:
        return { response: { type: request.type } }
    }
  }
}

/** The same answers, later. */
export function delayed(script: Script, afterMs: number): Script {
  return (request) => {
    const end = script(request)
    return end === undefined ? undefined : { ...end, afterMs }
  }
}

/** The `count` contacts nearest to `target`, by sorting all of them: the brute force to compare with. */
export function nearest(contacts: readonly Contact[], target: Key, count: number): Contact[] {
  return contacts.toSorted((a, b) => compareDistance(target, a.key, b.key)).slice(0, count)
}

/** A network in which each peer knows what `knows` says; all honest. */
export function honestNetwork(
  peers: readonly Contact[],
  knows: (peer: Contact) => readonly Contact[],
  count = 20,
): Map<string, Script> {
  return new Map(peers.map((peer) => [toHex(peer.key), honest(knows(peer), count)]))
}
