import type { Contact } from '../core/contact.ts'
import type { RpcOutcome, RpcRequest } from '../core/message.ts'
import type { Cancel, Instant, Network, Storage } from '../core/ports.ts'
import type { ValueRecord } from '../core/record.ts'
import { decodeStoredRecord } from '../core/stored-record-codec.ts'

/**
 * Checks of records that take time. The core judges records synchronously; where a user's rule cannot, the record is checked
 * before the core sees it, and the core's validator gives the verdict that was found then.
 */
export interface RecordVerifier {
  /** Never rejects; `undefined`: there is nothing to wait for. */
  verify(record: Pick<ValueRecord, 'key' | 'value'>): Promise<void> | undefined
}

/** Answers a request, or lets a record in it be checked first. */
export function verifyingAnswer(
  verifier: RecordVerifier,
  answer: (from: Contact, request: RpcRequest, reply: (outcome: RpcOutcome) => void) => void,
): typeof answer {
  return (from, request, reply) => {
    const pending = request.type === 'put-value' ? verifier.verify(request.record) : undefined
    if (pending === undefined) answer(from, request, reply)
    else void pending.then(() => answer(from, request, reply))
  }
}

/** A network whose records have been checked when they arrive. */
export class VerifyingNetwork implements Network {
  readonly #network: Network
  readonly #verifier: RecordVerifier

  constructor(network: Network, verifier: RecordVerifier) {
    this.#network = network
    this.#verifier = verifier
  }

  send(
    to: Contact,
    request: RpcRequest,
    deadline: Instant,
    settle: (outcome: RpcOutcome, rttMs?: number) => void,
  ): Cancel {
    let isCancelled = false
    const cancel = this.#network.send(to, request, deadline, (outcome, rttMs) => {
      const pending = verifyAll(this.#verifier, recordsIn(outcome))
      if (pending === undefined) settle(outcome, rttMs)
      else {
        void pending.then(() => {
          if (!isCancelled) settle(outcome, rttMs)
        })
      }
    })
    return () => {
      isCancelled = true
      cancel()
    }
  }

  isConnected(peer: Contact): boolean {
    return this.#network.isConnected?.(peer) ?? true
  }
}

function recordsIn(outcome: RpcOutcome): readonly ValueRecord[] {
  if (!outcome.ok) return []
  const { response } = outcome
  if (response.type === 'watch') return response.records
  return response.type === 'get-value' && response.record !== undefined ? [response.record] : []
}

function verifyAll(
  verifier: RecordVerifier,
  records: readonly ValueRecord[],
): Promise<unknown> | undefined {
  const pending = records.flatMap((record) => verifier.verify(record) ?? [])
  return pending.length === 0 ? undefined : Promise.all(pending)
}

/** A storage whose records have been checked when they are loaded. */
export function verifyingStorage(storage: Storage, verifier: RecordVerifier): Storage {
  return {
    write: (batch, done) => storage.write(batch, done),
    load: async (prefix, page) => {
      const entries = await storage.load(prefix, page)
      for (const [key, value] of entries) {
        const stored = decodeStoredRecord(key, value)
        if (stored !== undefined) await verifier.verify(stored.record)
      }
      return entries
    },
  }
}
