import type { HistogramGroup } from '@libp2p/interface'
import type { DhtEvent, OperationKind } from '../core/events.ts'
import type { RpcFailure, RpcType } from '../core/message.ts'
import type { Observer } from '../core/ports.ts'
import type { RecordOrigin } from '../core/record.ts'
import { type MetricsRegistrar, Tally } from './metrics-registrar.ts'
import { REFUSAL_KINDS, type RefusalKind, refusalKind } from './refusals.ts'

type Removal = Extract<DhtEvent, { type: 'record-removed' }>['reason']
type ContactRemoval = Extract<DhtEvent, { type: 'contact-removed' }>['reason']
type OperationEnd = Extract<DhtEvent, { type: 'operation-end' }>

/** Counts what a peer does, from its events. Cheap: an event costs an addition, and all else is done when it is read. */
export class EventMetrics implements Observer {
  readonly #sent = new Tally(RPC_TYPES)
  readonly #answered = new Tally(RPC_TYPES)
  readonly #failed = new Tally(RPC_TYPES)
  readonly #failures = new Tally<RpcFailure['type']>(FAILURES)
  readonly #received = new Tally(RPC_TYPES)
  readonly #served = new Tally(RPC_TYPES)
  readonly #refused = new Tally<RefusalKind>(REFUSAL_KINDS)
  readonly #ended: Readonly<Record<OperationEnd['result'], Tally<OperationKind>>> = {
    done: new Tally(OPERATIONS),
    failed: new Tally(OPERATIONS),
    aborted: new Tally(OPERATIONS),
  }
  readonly #stored = new Tally<RecordOrigin>(['owner', 'replica', 'cached'])
  readonly #removed = new Tally<Removal>(['expired', 'evicted', 'invalid', 'released'])
  readonly #contacts = new Tally<ContactRemoval | 'added'>(CONTACT_CHANGES)
  readonly #replication = new Tally<'regions' | 'hand-overs'>(['regions', 'hand-overs'])
  readonly #pushed = new Tally<'stored' | 'failed'>(['stored', 'failed'])
  readonly #storage = new Tally<'failed'>(['failed'])
  #roundTrips: HistogramGroup | undefined
  #durations: HistogramGroup | undefined

  register(registrar: MetricsRegistrar): void {
    this.#registerRequests(registrar)
    this.#registerOperations(registrar)
    registrar.counters(
      'kadmium_records_stored_total',
      'origin',
      'Records taken into the store, new or newer than what was held.',
      () => this.#stored.take(),
    )
    registrar.counters(
      'kadmium_records_removed_total',
      'reason',
      'Records that left the store: at the end of their life, for want of room, or handed on.',
      () => this.#removed.take(),
    )
    registrar.counters(
      'kadmium_contact_changes_total',
      'change',
      'Contacts that entered the routing table, and those that left it by reason.',
      () => this.#contacts.take(),
    )
    registrar.counter(
      'kadmium_storage_failures_total',
      'Writes that the disk refused; what they would have acknowledged was not.',
      () => this.#storage.take().failed ?? 0,
    )
  }

  observe(event: DhtEvent): void {
    switch (event.type) {
      case 'operation-start':
        // Upkeep that stores records works on a region of the keyspace, or else serves newcomers.
        if (event.kind === 'replicate') {
          this.#replication.add(event.target === undefined ? 'hand-overs' : 'regions')
        }
        return
      case 'operation-end':
        this.#end(event)
        return
      case 'request-received':
        this.#receive(event)
        return
      case 'record-stored':
        this.#stored.add(event.origin)
        return
      case 'record-removed':
        this.#removed.add(event.reason)
        return
      case 'contact-added':
        this.#contacts.add('added')
        return
      case 'contact-removed':
        this.#contacts.add(event.reason)
        return
      case 'storage-failed':
        this.#storage.add('failed')
        return
      default:
        this.#request(event)
    }
  }

  #request(event: DhtEvent): void {
    switch (event.type) {
      case 'request-sent':
        this.#sent.add(event.request)
        return
      case 'request-answered':
        this.#answered.add(event.request)
        // A watcher's request is answered when there is news: that is no round trip.
        if (event.request !== 'watch') {
          this.#roundTrips?.observe({ [event.request]: event.rttMs / 1_000 })
        }
        if (isPush(event)) this.#pushed.add('stored')
        return
      case 'request-failed':
        this.#failed.add(event.request)
        this.#failures.add(event.failure.type)
        if (isPush(event)) this.#pushed.add('failed')
        return
      default:
    }
  }

  #receive({ request, refusal }: Extract<DhtEvent, { type: 'request-received' }>): void {
    this.#received.add(request)
    if (refusal === undefined) this.#served.add(request)
    else this.#refused.add(refusalKind(refusal))
  }

  #end({ kind, result, durationMs }: OperationEnd): void {
    this.#ended[result].add(kind)
    if (result !== 'aborted') this.#durations?.observe({ [kind]: durationMs / 1_000 })
  }

  #registerRequests(registrar: MetricsRegistrar): void {
    const byType = (name: string, help: string, tally: Tally<RpcType>): void =>
      registrar.counters(name, 'type', help, () => tally.take())
    byType('kadmium_outbound_requests_total', 'Requests sent to other peers.', this.#sent)
    byType(
      'kadmium_outbound_requests_answered_total',
      'Requests that other peers answered.',
      this.#answered,
    )
    byType(
      'kadmium_outbound_requests_failed_total',
      'Requests that other peers did not answer, or refused.',
      this.#failed,
    )
    registrar.counters(
      'kadmium_outbound_failures_total',
      'failure',
      'The same requests by what became of them.',
      () => this.#failures.take(),
    )
    byType('kadmium_inbound_requests_total', 'Requests of other peers.', this.#received)
    byType(
      'kadmium_inbound_requests_answered_total',
      'Requests of other peers that were answered.',
      this.#served,
    )
    registrar.counters(
      'kadmium_inbound_requests_refused_total',
      'reason',
      'Requests of other peers that were refused.',
      () => this.#refused.take(),
    )
    this.#roundTrips = registrar.durations(
      'kadmium_round_trip_seconds',
      'type',
      'From a request to its answer, of those that were answered.',
    )
  }

  #registerOperations(registrar: MetricsRegistrar): void {
    for (const result of ['done', 'failed', 'aborted'] as const) {
      registrar.counters(
        `kadmium_operations_${result}_total`,
        'kind',
        OPERATIONS_HELP[result],
        () => this.#ended[result].take(),
      )
    }
    this.#durations = registrar.durations(
      'kadmium_operation_duration_seconds',
      'kind',
      'How long operations took that were not ended by their caller.',
    )
    registrar.counters(
      'kadmium_replication_runs_total',
      'kind',
      'Regions of the keyspace whose records were stored again at their k closest peers, and rounds of records handed to newcomers.',
      () => this.#replication.take(),
    )
    registrar.counters(
      'kadmium_replication_pushes_total',
      'result',
      'Copies of records sent to their holders by this upkeep.',
      () => this.#pushed.take(),
    )
  }
}

const RPC_TYPES: readonly RpcType[] = namesOf({
  ping: 0,
  'find-node': 0,
  'get-value': 0,
  'put-value': 0,
  'add-provider': 0,
  'get-providers': 0,
  watch: 0,
} satisfies Record<RpcType, 0>)

const FAILURES: readonly RpcFailure['type'][] = namesOf({
  timeout: 0,
  unreachable: 0,
  refused: 0,
  malformed: 0,
  aborted: 0,
} satisfies Record<RpcFailure['type'], 0>)

const OPERATIONS: readonly OperationKind[] = namesOf({
  'find-node': 0,
  put: 0,
  get: 0,
  provide: 0,
  'find-providers': 0,
  'find-peer': 0,
  join: 0,
  refresh: 0,
  replicate: 0,
  probe: 0,
  repair: 0,
  watch: 0,
} satisfies Record<OperationKind, 0>)

const OPERATIONS_HELP = {
  done: 'Operations that came to their end.',
  failed: 'Operations that failed.',
  aborted: 'Operations that their caller ended, or his deadline.',
} as const

const CONTACT_CHANGES = ['added', 'stale', 'replaced', 'left', 'moved'] as const

/** Whether a request stores a record that is nobody's put: upkeep. */
function isPush({ kind, request }: { kind: OperationKind; request: RpcType }): boolean {
  return kind === 'replicate' && request === 'put-value'
}

/** The names of a record, which names each of a union's members, so that none is forgotten. */
function namesOf<Name extends string>(record: Readonly<Record<Name, 0>>): Name[] {
  return Object.keys(record) as Name[] // the keys of a literal
}
