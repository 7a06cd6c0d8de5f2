import { Code, ConnectError } from '@connectrpc/connect'
import { KadmiumError } from '../core/errors.ts'
import type { ApiAddress } from './address.ts'
import { apiAddressToText } from './address.ts'
import { connectKadmium, type KadmiumClient } from './client.ts'
import {
  type ActivityInterval,
  type HeldRecord,
  Kind,
  type LookupStep,
  LookupStep_Type,
  type Peer,
  type WatchEvent,
} from './gen/kadmium/v1/kadmium_pb.ts'
import type {
  ActivityOutput,
  ApiPeer,
  BucketOutput,
  CallOptions,
  ContactOutput,
  GetOutput,
  LookupListeners,
  LookupOutput,
  LookupStepOutput,
  PeerOutput,
  PutInput,
  PutOutput,
  RecordOutput,
  StatusOutput,
  WatchOutput,
} from './peer.ts'
import { toKadmiumError } from './status.ts'

const KINDS = {
  immutable: Kind.IMMUTABLE,
  mutable: Kind.MUTABLE,
  'by-key': Kind.UNSPECIFIED,
} as const

const STEP_TYPES: Readonly<Record<number, LookupStepOutput['type']>> = {
  [LookupStep_Type.SENT]: 'sent',
  [LookupStep_Type.ANSWERED]: 'answered',
  [LookupStep_Type.FAILED]: 'failed',
}

/** A daemon's peer, over its API: the same calls, the same errors as in the daemon itself. */
export class RemotePeer implements ApiPeer {
  readonly #client: KadmiumClient
  readonly #where: string
  readonly #hasToken: boolean

  constructor(address: ApiAddress, options: { readonly token?: string | undefined } = {}) {
    this.#client = connectKadmium(address, options)
    this.#where = apiAddressToText(address)
    this.#hasToken = options.token !== undefined && options.token !== ''
  }

  async put(input: PutInput): Promise<PutOutput> {
    const { key, value, kind, ttlMs, quorum, ifSequence, signal, timeoutMs } = input
    return this.#call(async () => {
      const response = await this.#client.put(
        {
          key: key ?? '',
          value: new Uint8Array(value),
          kind: KINDS[kind],
          ttlMs: BigInt(ttlMs ?? 0),
          quorum: quorum ?? 0,
          timeoutMs: timeoutMs ?? 0,
          ...(ifSequence === undefined ? {} : { ifSequence: BigInt(ifSequence) }),
        },
        callOf(signal),
      )
      return { ...response, version: Number(response.version) }
    })
  }

  async get(
    key: string,
    { quorum, signal, timeoutMs }: CallOptions & { quorum?: number | undefined },
  ): Promise<GetOutput> {
    return this.#call(async () => {
      const request = { key, quorum: quorum ?? 0, timeoutMs: timeoutMs ?? 0 }
      const response = await this.#client.get(request, callOf(signal))
      return {
        ...response,
        version: Number(response.version),
        writer: response.writer || undefined,
        from: response.from || undefined,
        writtenAtMs: Number(response.writtenAtMs) || undefined,
        expiresAtMs: Number(response.expiresAtMs) || undefined,
      }
    })
  }

  async delete(
    key: string,
    { quorum, signal, timeoutMs }: CallOptions & { quorum?: number | undefined },
  ): Promise<PutOutput> {
    return this.#call(async () => {
      const request = { key, quorum: quorum ?? 0, timeoutMs: timeoutMs ?? 0 }
      const response = await this.#client.delete(request, callOf(signal))
      return { ...response, version: Number(response.version) }
    })
  }

  async *watch(
    key: string,
    { replicas = 0, signal, timeoutMs = 0 }: CallOptions & { replicas?: number | undefined },
  ): AsyncGenerator<WatchOutput, void, undefined> {
    try {
      const call = this.#client.watch({ key, replicas, timeoutMs }, callOf(signal))
      for await (const { event } of call) {
        const output = watchOutput(event)
        if (output !== undefined) yield output
      }
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason
      throw this.#toKadmiumError(error)
    }
    throw new KadmiumError('ERR_CLOSED', `the daemon at ${this.#where} ended the call`)
  }

  provide(
    cid: string,
    { signal, timeoutMs }: CallOptions,
  ): Promise<Pick<PutOutput, 'stored' | 'failed' | 'target' | 'durationMs'>> {
    return this.#call(() =>
      this.#client.provide({ cid, timeoutMs: timeoutMs ?? 0 }, callOf(signal)),
    )
  }

  async findProviders(
    cid: string,
    options: CallOptions & { count?: number | undefined; found: (peer: PeerOutput) => void },
  ): Promise<void> {
    const { count = 0, timeoutMs = 0, signal, found } = options
    await this.#call(async () => {
      const call = this.#client.findProviders({ cid, count, timeoutMs }, callOf(signal))
      for await (const provider of call) found(provider)
    })
  }

  findPeer(peer: string, { signal, timeoutMs }: CallOptions): Promise<PeerOutput> {
    return this.#call(() =>
      this.#client.findPeer({ peer, timeoutMs: timeoutMs ?? 0 }, callOf(signal)),
    )
  }

  async lookup(key: string, options: CallOptions & LookupListeners): Promise<LookupOutput> {
    const { started, step, signal, timeoutMs = 0 } = options
    return this.#call(async () => {
      const request = { key, trace: step !== undefined, timeoutMs }
      for await (const { event } of this.#client.lookup(request, callOf(signal))) {
        if (event.case === 'result') return event.value
        if (event.case === 'start') started?.(event.value.target)
        if (event.case === 'step') step?.(stepOutput(event.value))
      }
      throw new KadmiumError('ERR_CLOSED', `the daemon at ${this.#where} ended the call`)
    })
  }

  async status(): Promise<StatusOutput> {
    return this.#call(async () => {
      const response = await this.#client.status({})
      const { mode, recordBytes, networkSize } = response
      return {
        ...response,
        mode: mode === 'client' ? 'client' : 'server',
        recordBytes: Number(recordBytes),
        networkSize: networkSize || undefined,
      }
    })
  }

  async peers(): Promise<readonly ContactOutput[]> {
    return this.#call(async () => (await this.#client.peers({})).peers.map(contact))
  }

  async table(): Promise<readonly BucketOutput[]> {
    return this.#call(async () => {
      const { buckets } = await this.#client.table({})
      return buckets.map(({ prefixLength, replacements, peers }) => ({
        prefixLength,
        replacements,
        peers: peers.map(contact),
      }))
    })
  }

  async records(limit: number): Promise<{ records: readonly RecordOutput[]; total: number }> {
    return this.#call(async () => {
      const { records, total } = await this.#client.records({ limit })
      return { records: records.map(recordOutput), total }
    })
  }

  async activity(afterMs: number): Promise<ActivityOutput> {
    return this.#call(async () => {
      const request = { afterMs: BigInt(afterMs) }
      const { intervalMs, intervals } = await this.#client.activity(request)
      return { intervalMs, intervals: intervals.map(intervalOutput) }
    })
  }

  async #call<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work()
    } catch (error) {
      throw this.#toKadmiumError(error)
    }
  }

  #toKadmiumError(error: unknown): unknown {
    const own = toKadmiumError(error)
    if (own !== undefined) return own
    if (!(error instanceof ConnectError)) return error
    const fault = systemCodeOf(error.cause)
    if (fault === 'EACCES' || fault === 'EPERM') {
      return new KadmiumError(
        'ERR_INVALID_OPTION',
        `the socket ${this.#where} is for the user who runs the daemon: act as that user, or name an API on TCP and its token`,
        { cause: error },
      )
    }
    // No socket, nobody at it, or a daemon that ended between two calls.
    if (fault !== undefined && UNREACHABLE.has(fault)) return this.#noDaemon(error)
    switch (error.code) {
      case Code.Unauthenticated:
        return new KadmiumError(
          'ERR_INVALID_OPTION',
          `the daemon at ${this.#where} ${this.#hasToken ? 'does not take this token' : 'wants its token'}: set KADMIUM_TOKEN to the contents of the file 'token' in its data directory`,
        )
      case Code.DeadlineExceeded:
        return new KadmiumError('ERR_TIMEOUT', 'the time given for the call is over')
      case Code.Unavailable:
      case Code.Aborted:
        return this.#noDaemon(error)
      default:
        return error
    }
  }

  #noDaemon(cause: Error): KadmiumError {
    return new KadmiumError(
      'ERR_NOT_STARTED',
      `no daemon answers at ${this.#where}: start one with 'kad daemon', name its API with --api, or give --bootstrap to do without`,
      { cause },
    )
  }
}

const UNREACHABLE: ReadonlySet<string> = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'])

/** The code of an error of the operating system, such as `ENOENT`. */
function systemCodeOf(error: unknown): string | undefined {
  if (!(error instanceof Error && 'code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

function callOf(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}

/** `undefined`: an event of a kind that this client does not know. */
function watchOutput(event: WatchEvent['event']): WatchOutput | undefined {
  if (event.case === undefined) return undefined
  if (event.case === 'gap') {
    const { key, missed, reason } = event.value
    return { type: 'gap', key, missed: missed === undefined ? undefined : Number(missed), reason }
  }
  const { key, value, writer, version, writtenAtMs, expiresAtMs, from, initial } = event.value
  return {
    type: event.case,
    key,
    value,
    writer: writer || undefined,
    version: Number(version),
    writtenAtMs: Number(writtenAtMs) || undefined,
    expiresAtMs: Number(expiresAtMs) || undefined,
    from: from || undefined,
    initial,
  }
}

function stepOutput({ type, failure, namedBy, ...rest }: LookupStep): LookupStepOutput {
  return {
    ...rest,
    type: STEP_TYPES[type] ?? 'sent',
    failure: failure || undefined,
    namedBy: namedBy || undefined,
  }
}

function recordOutput({ origin, writer, expiresAtMs, ...rest }: HeldRecord): RecordOutput {
  return {
    ...rest,
    origin: origin === 'owner' || origin === 'cached' ? origin : 'replica',
    writer: writer || undefined,
    expiresAtMs: Number(expiresAtMs),
  }
}

function intervalOutput(interval: ActivityInterval): ActivityOutput['intervals'][number] {
  const { beganAtMs, roundTrip, operations, ...counts } = interval
  return {
    ...counts,
    beganAtMs: Number(beganAtMs),
    roundTrip: roundTrip ?? NO_LATENCY,
    operations: operations.map(({ duration, ...operation }) => ({
      ...operation,
      duration: duration ?? NO_LATENCY,
    })),
  }
}

const NO_LATENCY = { count: 0, p50Ms: 0, p95Ms: 0 } as const

function contact(peer: Peer): ContactOutput {
  return peer
}
