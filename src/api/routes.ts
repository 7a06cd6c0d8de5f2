import type { MessageInitShape } from '@bufbuild/protobuf'
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type HandlerContext,
  type ServiceImpl,
} from '@connectrpc/connect'
import { KadmiumError } from '../core/errors.ts'
import { EventQueue } from './event-queue.ts'
import { file_google_rpc_error_details } from './gen/google/rpc/error_details_pb.ts'
import {
  type ActivityIntervalSchema,
  file_kadmium_v1_kadmium,
  type HeldRecordSchema,
  Kadmium,
  Kind,
  type LookupEventSchema,
  LookupStep_Type,
  type WatchEventSchema,
} from './gen/kadmium/v1/kadmium_pb.ts'
import { file_kv_kv, KV } from './gen/kv/kv_pb.ts'
import type {
  ActivityIntervalOutput,
  ApiPeer,
  CallOptions,
  ContactOutput,
  GetOutput,
  LookupOutput,
  LookupStepOutput,
  PeerOutput,
  PutOutput,
  RecordOutput,
  WatchOutput,
} from './peer.ts'
import { reflectionRoutes } from './reflection.ts'
import { toConnectError } from './status.ts'

/** Events of a stream that may wait for a slow reader. */
const EVENTS_MAX = 10_000

/** Records that one answer tells of: unless told otherwise, and at most. */
const RECORDS_DEFAULT = 500
const RECORDS_MAX = 5_000

/** The services of the API over one peer. */
export function apiRoutes(peer: ApiPeer): (router: ConnectRouter) => void {
  return (router) => {
    router.service(Kadmium, kadmiumService(peer))
    router.service(KV, kvService(peer))
    reflectionRoutes([file_kadmium_v1_kadmium, file_kv_kv, file_google_rpc_error_details])(router)
  }
}

function kadmiumService(peer: ApiPeer): ServiceImpl<typeof Kadmium> {
  return {
    put: ({ key, value, kind, ttlMs, quorum, ifSequence, timeoutMs }, context) =>
      answer(async () => {
        const output = await peer.put({
          key: key === '' ? undefined : key,
          value,
          kind: kindOf(kind),
          ttlMs: given(Number(ttlMs)),
          quorum: given(quorum),
          ifSequence: ifSequence === undefined ? undefined : Number(ifSequence),
          ...callOptions(timeoutMs, context),
        })
        return putResponse(output)
      }),
    get: ({ key, quorum, timeoutMs }, context) =>
      answer(async () => {
        const options = { quorum: given(quorum), ...callOptions(timeoutMs, context) }
        return getResponse(await peer.get(key, options))
      }),
    delete: ({ key, quorum, timeoutMs }, context) =>
      answer(async () => {
        const options = { quorum: given(quorum), ...callOptions(timeoutMs, context) }
        return putResponse(await peer.delete(key, options))
      }),
    provide: ({ cid, timeoutMs }, context) =>
      answer(async () => {
        const { stored, failed, ...rest } = await peer.provide(cid, callOptions(timeoutMs, context))
        return { stored: [...stored], failed: [...failed], ...rest }
      }),
    findProviders: ({ cid, count, timeoutMs }, context) =>
      stream<PeerOutput, { id: string; addresses: string[] }>(
        callOptions(timeoutMs, context),
        (found, options) => peer.findProviders(cid, { count: given(count), found, ...options }),
        peerInfo,
      ),
    findPeer: ({ peer: id, timeoutMs }, context) =>
      answer(async () => peerInfo(await peer.findPeer(id, callOptions(timeoutMs, context)))),
    lookup: ({ key, trace, timeoutMs }, context) =>
      stream<LookupItem, MessageInitShape<typeof LookupEventSchema>>(
        callOptions(timeoutMs, context),
        async (push, options) => {
          const listeners = trace ? { started: push, step: push } : {}
          push(await peer.lookup(key, { ...options, ...listeners }))
        },
        lookupEvent,
      ),
    watch: ({ key, replicas, timeoutMs }, context) =>
      watch(peer.watch(key, { replicas: given(replicas), ...callOptions(timeoutMs, context) })),
    ...views(peer),
  }
}

/** The calls that look at the peer and ask nobody else. */
function views(
  peer: ApiPeer,
): Pick<ServiceImpl<typeof Kadmium>, 'status' | 'peers' | 'table' | 'records' | 'activity'> {
  return {
    status: () =>
      answer(async () => {
        const { problems, networkSize, addresses, recordBytes, ...rest } = await peer.status()
        return {
          ...rest,
          addresses: [...addresses],
          recordBytes: BigInt(recordBytes),
          networkSize: networkSize ?? 0,
          healthy: problems.length === 0,
          problems: [...problems],
        }
      }),
    peers: () => answer(async () => ({ peers: (await peer.peers()).map(contactMessage) })),
    table: () =>
      answer(async () => {
        const { k, key } = await peer.status()
        const buckets = (await peer.table()).map(({ peers, ...bucket }) => ({
          ...bucket,
          peers: peers.map(contactMessage),
        }))
        return { buckets, k, key }
      }),
    records: ({ limit }) =>
      answer(async () => {
        const wanted = Math.min(given(limit) ?? RECORDS_DEFAULT, RECORDS_MAX)
        const { records, total } = await peer.records(wanted)
        return { records: records.map(recordMessage), total }
      }),
    activity: ({ afterMs }) =>
      answer(async () => {
        const { intervalMs, intervals } = await peer.activity(Number(afterMs))
        return { intervalMs, intervals: intervals.map(intervalMessage) }
      }),
  }
}

function kvService(peer: ApiPeer): ServiceImpl<typeof KV> {
  return {
    set: ({ key, value }, context) =>
      answer(async () => {
        const bytes = new TextEncoder().encode(value)
        await peer.put({ key, value: bytes, kind: 'by-key', ...callOptions(0, context) })
        return { success: true, value }
      }),
    get: ({ key }, context) =>
      answer(async () => {
        try {
          const { value } = await peer.get(key, callOptions(0, context))
          return { success: true, value: textOf(key, value) }
        } catch (error) {
          if (error instanceof KadmiumError && error.code === 'ERR_NOT_FOUND') {
            return { success: false, value: '' }
          }
          throw error
        }
      }),
  }
}

/** The service speaks of texts; bytes that are none are said to be so rather than bent into one. */
function textOf(key: string, value: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value)
  } catch (cause) {
    throw new ConnectError(
      `the value of ${key} is no text: read it with kadmium.v1.Kadmium/Get`,
      Code.FailedPrecondition,
      undefined,
      undefined,
      cause,
    )
  }
}

async function answer<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    throw toConnectError(error)
  }
}

/** The work ends with the call, and when its reader has left or is too far behind. */
async function* stream<Item, Message>(
  options: CallOptions,
  work: (push: (item: Item) => void, options: CallOptions) => Promise<void>,
  toMessage: (item: Item) => Message,
): AsyncGenerator<Message, void, undefined> {
  const queue = new EventQueue<Item>(EVENTS_MAX)
  const ending = new AbortController()
  const signals = options.signal === undefined ? [] : [options.signal]
  const signal = AbortSignal.any([...signals, ending.signal])
  work((item) => queue.push(item), { ...options, signal }).then(
    () => queue.close(),
    (error: unknown) => queue.fail(error),
  )
  try {
    for await (const item of queue) yield toMessage(item)
  } catch (error) {
    throw toConnectError(error)
  } finally {
    ending.abort()
  }
}

/** Reads on as fast as the caller does: what he leaves unread waits in the watch, which says so when it is too much. */
async function* watch(
  events: AsyncIterable<WatchOutput>,
): AsyncGenerator<MessageInitShape<typeof WatchEventSchema>, void, undefined> {
  try {
    for await (const event of events) yield watchEvent(event)
  } catch (error) {
    throw toConnectError(error)
  }
}

function watchEvent(output: WatchOutput): MessageInitShape<typeof WatchEventSchema> {
  if (output.type === 'gap') {
    const { key, missed, reason } = output
    const count = missed === undefined ? {} : { missed: BigInt(missed) }
    return { event: { case: 'gap', value: { key, reason, ...count } } }
  }
  const { type, value, writer, version, writtenAtMs, expiresAtMs, from, key, initial } = output
  return {
    event: {
      case: type,
      value: {
        key,
        value: new Uint8Array(value),
        writer: writer ?? '',
        version: BigInt(version),
        writtenAtMs: BigInt(writtenAtMs ?? 0),
        expiresAtMs: BigInt(expiresAtMs ?? 0),
        from: from ?? '',
        initial,
      },
    },
  }
}

/** A call ends with its caller and at the earlier of the two deadlines that he may set. */
function callOptions(timeoutMs: number, context: HandlerContext): CallOptions {
  const left = context.timeoutMs()
  const wanted = given(timeoutMs)
  const timeout = left === undefined ? wanted : Math.min(left, wanted ?? left)
  return {
    signal: context.signal,
    timeoutMs: timeout === undefined ? undefined : Math.max(1, timeout),
  }
}

/** Zero means that nothing was said. */
function given(value: number): number | undefined {
  return value === 0 ? undefined : value
}

function kindOf(kind: Kind): 'immutable' | 'mutable' | 'by-key' {
  if (kind === Kind.IMMUTABLE) return 'immutable'
  return kind === Kind.MUTABLE ? 'mutable' : 'by-key'
}

function putResponse({ stored, failed, version, ...rest }: PutOutput): {
  stored: string[]
  failed: { peer: string; type: string; reason: string }[]
  version: bigint
  key: string
  target: number
  quorum: number
  durationMs: number
  requests: number
} {
  return { ...rest, stored: [...stored], failed: [...failed], version: BigInt(version) }
}

function getResponse(output: GetOutput): {
  key: string
  value: Uint8Array<ArrayBuffer>
  writer: string
  version: bigint
  writtenAtMs: bigint
  expiresAtMs: bigint
  from: string
  agreed: number
  hops: number
  requests: number
  durationMs: number
} {
  const { value, writer, version, writtenAtMs, expiresAtMs, from, ...rest } = output
  return {
    ...rest,
    value: new Uint8Array(value),
    writer: writer ?? '',
    version: BigInt(version),
    writtenAtMs: BigInt(writtenAtMs ?? 0),
    expiresAtMs: BigInt(expiresAtMs ?? 0),
    from: from ?? '',
  }
}

function peerInfo({ id, addresses }: PeerOutput): { id: string; addresses: string[] } {
  return { id, addresses: [...addresses] }
}

function contactMessage({
  addresses,
  ...contact
}: ContactOutput): Omit<ContactOutput, 'addresses'> & { addresses: string[] } {
  return { ...contact, addresses: [...addresses] }
}

const STEP_TYPES = {
  sent: LookupStep_Type.SENT,
  answered: LookupStep_Type.ANSWERED,
  failed: LookupStep_Type.FAILED,
} as const

/** What the stream of a lookup tells: the target's point, the steps, the result. */
type LookupItem = string | LookupStepOutput | LookupOutput

function lookupEvent(item: LookupItem): MessageInitShape<typeof LookupEventSchema> {
  if (typeof item === 'string') return { event: { case: 'start', value: { target: item } } }
  if ('closest' in item) {
    const closest = item.closest.map(({ addresses, ...peer }) => ({
      ...peer,
      addresses: [...addresses],
    }))
    return { event: { case: 'result', value: { ...item, closest } } }
  }
  const { type, failure = '', namedBy = '', ...rest } = item
  return { event: { case: 'step', value: { ...rest, type: STEP_TYPES[type], failure, namedBy } } }
}

function recordMessage({
  writer = '',
  expiresAtMs,
  ...record
}: RecordOutput): MessageInitShape<typeof HeldRecordSchema> {
  return { ...record, writer, expiresAtMs: BigInt(Math.round(expiresAtMs)) }
}

function intervalMessage({
  beganAtMs,
  operations,
  ...counts
}: ActivityIntervalOutput): MessageInitShape<typeof ActivityIntervalSchema> {
  return { ...counts, beganAtMs: BigInt(beganAtMs), operations: [...operations] }
}
