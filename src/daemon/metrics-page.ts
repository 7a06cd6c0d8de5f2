import type { ComponentLogger, Metrics } from '@libp2p/interface'
import { prometheusMetrics } from '@libp2p/prometheus-metrics'
import { Registry } from 'prom-client'
import type { Observer } from '../core/ports.ts'
import { EventMetrics } from './metrics.ts'
import { MetricsRegistrar, Tally } from './metrics-registrar.ts'
import { type MeasuredPeer, registerState } from './metrics-state.ts'

/** What a peer needs to have its figures told. */
export interface PeerMetrics {
  readonly observer: Observer
  /** Makes the metrics of its libp2p node. */
  readonly forLibp2p: (components: { readonly logger: ComponentLogger }) => Metrics
  /** The peer has started: from now on its state is told. */
  follow(peer: MeasuredPeer): void
}

/**
 * The page of metrics of one peer, in the text format of Prometheus: libp2p's, those of the process, and Kadmium's own, all
 * through libp2p's metrics interface. One for each process: libp2p's adapter keeps its metrics in a global table.
 */
export class MetricsPage implements PeerMetrics {
  readonly #registry = new Registry()
  readonly #events = new EventMetrics()
  readonly #calls = new Tally<string>([])
  readonly #errors = new Tally<string>([])
  readonly #unauthenticated = new Tally<'calls'>(['calls'])
  readonly #statfsLocation: string
  #help: ReadonlyMap<string, string> = new Map()
  #peer: MeasuredPeer | undefined

  /** @param dataDirectory The use of its file system is told. */
  constructor(dataDirectory: string) {
    this.#statfsLocation = dataDirectory
  }

  get observer(): Observer {
    return this.#events
  }

  readonly forLibp2p: PeerMetrics['forLibp2p'] = (components) => {
    const metrics = prometheusMetrics({
      registry: this.#registry,
      statfsLocation: this.#statfsLocation,
    })(components)
    const registrar = new MetricsRegistrar(metrics)
    this.#events.register(registrar)
    registerState(registrar, () => this.#peer)
    this.#registerApi(registrar)
    this.#help = registrar.help
    return metrics
  }

  follow(peer: MeasuredPeer): void {
    this.#peer = peer
  }

  /** A call of the API has ended; `code` says why it failed, as in `ERR_NOT_FOUND`. */
  called(method: string, code?: string): void {
    this.#calls.add(method)
    if (code !== undefined) this.#errors.add(code)
  }

  /** A call of the API, or a reader of this page, had no valid token. */
  unauthenticated(): void {
    this.#unauthenticated.add('calls')
  }

  /** The content type of `text`. */
  get contentType(): string {
    return this.#registry.contentType
  }

  /** The page. Reading it resets nothing: several may. */
  async text(): Promise<string> {
    const text = await this.#registry.metrics()
    return text.replace(/^# HELP (\S+) .*$/gm, (line, name: string) => {
      const help = this.#help.get(name)
      return help === undefined ? line : `# HELP ${name} ${help}`
    })
  }

  #registerApi(registrar: MetricsRegistrar): void {
    registrar.counters('kadmium_api_calls_total', 'method', 'Calls of the API that ended.', () =>
      this.#calls.take(),
    )
    registrar.counters(
      'kadmium_api_errors_total',
      'code',
      'Calls of the API that ended with an error, by its code.',
      () => this.#errors.take(),
    )
    registrar.counter(
      'kadmium_api_unauthenticated_total',
      'Calls of the API, and readers of this page, without a valid token.',
      () => this.#unauthenticated.take().calls ?? 0,
    )
  }
}
