import type { Contact } from './contact.ts'
import type { Key } from './key.ts'
import type { RpcFailure, RpcResponse, RpcType } from './message.ts'
import type { Instant } from './ports.ts'

/** What an operation is for; every request carries its operation's number and purpose in the events. */
export type OperationKind =
  | 'find-node'
  | 'put'
  | 'get'
  | 'provide'
  | 'find-providers'
  | 'find-peer'
  | 'join'
  | 'refresh'
  | 'replicate'
  | 'probe'
  | 'repair'
  | 'watch'

/**
 * Everything worth telling, as one union. Metrics, logs, traces and the command line are observers of it; `at` is the
 * peer's monotonic clock in milliseconds. Of a request that is under way when its operation ends nothing more is told.
 */
export type DhtEvent =
  | {
      readonly type: 'operation-start'
      readonly at: Instant
      readonly operation: number
      readonly kind: OperationKind
      readonly target: Key | undefined
    }
  | {
      readonly type: 'operation-end'
      readonly at: Instant
      readonly operation: number
      readonly kind: OperationKind
      readonly result: 'done' | 'failed' | 'aborted'
      readonly durationMs: number
      readonly requests: number
    }
  | {
      readonly type: 'request-sent'
      readonly at: Instant
      readonly operation: number
      readonly kind: OperationKind
      readonly to: Contact
      readonly request: RpcType
    }
  | {
      readonly type: 'request-answered'
      readonly at: Instant
      readonly operation: number
      readonly kind: OperationKind
      readonly from: Contact
      readonly request: RpcType
      readonly rttMs: number
      /** Contacts in the answer. */
      readonly closer: readonly Contact[]
      /** Whether it carried a value or providers. */
      readonly found: boolean
      /** The answer itself. */
      readonly response: RpcResponse
    }
  | {
      readonly type: 'request-failed'
      readonly at: Instant
      readonly operation: number
      readonly kind: OperationKind
      readonly from: Contact
      readonly request: RpcType
      readonly failure: RpcFailure
      readonly afterMs: number
    }
  | {
      readonly type: 'request-received'
      readonly at: Instant
      readonly from: Contact
      readonly request: RpcType
      /** Why it was refused, if it was. */
      readonly refusal: string | undefined
    }
  | { readonly type: 'contact-added'; readonly at: Instant; readonly contact: Contact }
  | {
      readonly type: 'contact-removed'
      readonly at: Instant
      readonly contact: Contact
      readonly reason: 'stale' | 'replaced' | 'left' | 'moved'
    }
  | {
      readonly type: 'record-stored'
      readonly at: Instant
      readonly key: Uint8Array
      readonly origin: 'owner' | 'replica' | 'cached'
    }
  | {
      readonly type: 'record-removed'
      readonly at: Instant
      readonly key: Uint8Array
      readonly reason: 'expired' | 'evicted' | 'invalid' | 'released'
    }
  | { readonly type: 'mode'; readonly at: Instant; readonly mode: 'client' | 'server' }
  | {
      readonly type: 'storage-failed'
      readonly at: Instant
      readonly error: Error
    }
