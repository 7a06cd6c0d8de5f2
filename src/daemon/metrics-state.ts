import { VERSION } from '../api/version.ts'
import type { KadmiumService, KadmiumStatus } from '../libp2p/service.ts'
import { HEALTH_PROBLEM_KINDS, type HealthProblem } from './health.ts'
import { type Figures, Growth, type MetricsRegistrar } from './metrics-registrar.ts'
import type { StoreSurvey } from './store-survey.ts'

/** The peer whose state is told. */
export interface MeasuredPeer {
  readonly service: KadmiumService
  problems(): readonly HealthProblem[]
  survey(): StoreSurvey
}

/** Registers what a peer's state is when it is asked. `peer` is `undefined` until it has started. */
export function registerState(
  registrar: MetricsRegistrar,
  peer: () => MeasuredPeer | undefined,
): void {
  const state = new State(registrar, peer)
  state.registerTable()
  state.registerStore()
  state.registerStreams()
  state.registerHealth()
}

class State {
  readonly #registrar: MetricsRegistrar
  readonly #peer: () => MeasuredPeer | undefined

  constructor(registrar: MetricsRegistrar, peer: () => MeasuredPeer | undefined) {
    this.#registrar = registrar
    this.#peer = peer
  }

  registerTable(): void {
    this.#gauges(
      'kadmium_contacts',
      'state',
      'Peers in the routing table: those that answer, and those that failed several times in a row.',
      ({ service }) => {
        const { table } = service.node
        return { live: table.live, stale: table.size - table.live }
      },
    )
    this.#gauge(
      'kadmium_buckets_occupied',
      'Buckets of the routing table that hold a contact.',
      ({ buckets }) => buckets,
    )
    this.#gauge(
      'kadmium_network_size_estimate',
      'Peers in the network by the estimate of this one, itself counted; 0: not known.',
      ({ networkSize }) => networkSize ?? 0,
    )
    this.#gauge(
      'kadmium_operations_running',
      'Operations under way.',
      ({ operations }) => operations,
    )
    this.#gauges('kadmium_mode', 'mode', '1 for the mode that the peer is in.', ({ service }) => ({
      client: Number(service.mode === 'client'),
      server: Number(service.mode === 'server'),
    }))
  }

  registerStore(): void {
    this.#gauges(
      'kadmium_records',
      'origin',
      'Records held: published here, held as one of the k closest, or cached for readers.',
      (peer) => peer.survey().byOrigin,
    )
    this.#gauge(
      'kadmium_store_bytes',
      'What the records held count against the quota: keys, values and a constant for each.',
      ({ recordBytes }) => recordBytes,
    )
    this.#gauges('kadmium_store_limits', 'quota', 'The quotas of the store.', ({ service }) => ({
      bytes: service.node.options.storeBytesMax,
      records: service.node.options.storeRecordsMax,
    }))
    this.#gauge(
      'kadmium_provider_keys',
      'Keys that providers are kept for.',
      ({ providerKeys }) => providerKeys,
    )
    this.#gauge(
      'kadmium_publications',
      'Values and provider records that this peer keeps published.',
      ({ publications }) => publications,
    )
    this.#gauge('kadmium_watches', 'Keys that this peer watches.', ({ watches }) => watches)
    this.#gauge(
      'kadmium_subscriptions',
      'Watchers that this peer tells of news: pairs of another peer and a key.',
      ({ subscriptions }) => subscriptions,
    )
  }

  registerStreams(): void {
    this.#gauges(
      'kadmium_streams_open',
      'direction',
      'Streams of the protocol that stand open.',
      ({ service }) => {
        const { outboundStreams, inboundStreams } = service.status()
        return { outbound: outboundStreams, inbound: inboundStreams }
      },
    )
    this.#counters(
      'kadmium_streams_opened_total',
      'direction',
      'Streams of the protocol that were opened.',
      { outbound: (s) => s.outbound.streamsOpened, inbound: (s) => s.inbound.streams },
    )
    this.#counter(
      'kadmium_streams_failed_total',
      'Streams to other peers that could not be opened.',
      (s) => s.outbound.streamsFailed,
    )
    this.#counters(
      'kadmium_malformed_messages_total',
      'direction',
      'Answers and requests that broke the protocol; their streams were reset.',
      { outbound: (s) => s.outbound.malformedAnswers, inbound: (s) => s.inbound.malformed },
    )
    this.#counter(
      'kadmium_outbound_requests_retried_total',
      'Requests sent once more because their stream had closed.',
      (s) => s.outbound.requestsRetried,
    )
    this.#counter(
      'kadmium_inbound_throttled_total',
      'Times that another peer had to wait because it asked too fast.',
      (s) => s.inbound.throttled,
    )
  }

  registerHealth(): void {
    this.#gauges(
      'kadmium_health_problem',
      'problem',
      '1 while this is wrong with the peer; kad status says more.',
      (peer) => {
        const present = new Set(peer.problems().map(({ kind }) => kind))
        return Object.fromEntries(
          HEALTH_PROBLEM_KINDS.map((kind) => [kind, Number(present.has(kind))]),
        )
      },
    )
    this.#gauges('kadmium_info', 'version', 'Always 1; names the version.', () => ({
      [VERSION]: 1,
    }))
  }

  #gauge(name: string, help: string, value: (status: KadmiumStatus) => number): void {
    this.#registrar.gauge(name, help, () => {
      const peer = this.#peer()
      return peer === undefined ? 0 : value(peer.service.status())
    })
  }

  #gauges(
    name: string,
    label: string,
    help: string,
    values: (peer: MeasuredPeer) => Figures,
  ): void {
    this.#registrar.gauges(name, label, help, () => {
      const peer = this.#peer()
      return peer === undefined ? {} : values(peer)
    })
  }

  #counter(name: string, help: string, total: (status: KadmiumStatus) => number): void {
    const growth = new Growth()
    this.#registrar.counter(name, help, () => {
      const peer = this.#peer()
      return peer === undefined ? 0 : growth.by(total(peer.service.status()))
    })
  }

  #counters(
    name: string,
    label: string,
    help: string,
    totals: Readonly<Record<string, (status: KadmiumStatus) => number>>,
  ): void {
    const growths = Object.entries(totals).map(
      ([value, total]) => [value, total, new Growth()] as const,
    )
    this.#registrar.counters(name, label, help, () => {
      const status = this.#peer()?.service.status()
      if (status === undefined) return {}
      return Object.fromEntries(
        growths.map(([value, total, growth]) => [value, growth.by(total(status))]),
      )
    })
  }
}
