import type { Draft } from './draft.ts'
import type { MessageType, TypeTotal } from './engine/network-counters.ts'
import type { SimulatedNetwork } from './simulated-network.ts'

/** What a network had sent at some moment; `reportTraffic` tells what came after it. */
export interface TrafficMark {
  /** Network time, ms. */
  readonly at: number
  readonly messages: number
  readonly byType: ReadonlyMap<MessageType, TypeTotal>
}

/** Marks the present moment. */
export function markTraffic(sim: SimulatedNetwork): TrafficMark {
  const { messages, sentByType = new Map<MessageType, TypeTotal>() } = sim.network.counters
  const byType = new Map([...sentByType].map(([type, total]) => [type, { ...total }]))
  return { at: sim.now, messages, byType }
}

/**
 * Messages that a peer sent each second since the mark, in all and by type, answers among them; bytes where messages are
 * encoded (`network` wire). Real peers' messages are counted in all only.
 */
export function reportTraffic(
  draft: Draft,
  sim: SimulatedNetwork,
  since: TrafficMark,
  peers: number,
): void {
  const after = markTraffic(sim)
  const peerSeconds = (peers * (after.at - since.at)) / 1_000
  draft.figure('messages of a peer', (after.messages - since.messages) / peerSeconds, '1/s')
  const sent = [...after.byType].map(([type, total]) => {
    const before = since.byType.get(type)
    const messages = total.messages - (before?.messages ?? 0)
    return { type, messages, bytes: total.bytes - (before?.bytes ?? 0) }
  })
  const bytes = sent.reduce((sum, one) => sum + one.bytes, 0)
  if (bytes > 0) draft.figure('bytes of a peer', bytes / peerSeconds, 'B/s')
  for (const one of sent.filter(({ messages }) => messages > 0)) {
    draft.figure(`${one.type} of a peer`, one.messages / peerSeconds, '1/s')
    if (one.bytes > 0) draft.figure(`bytes of ${one.type}`, one.bytes / one.messages, 'B')
  }
}
