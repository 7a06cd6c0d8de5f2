import { KadmiumError } from '../core/errors.ts'
import type { KadDHTInit, NeedlessOption } from './kad-dht-types.ts'
import type { KadmiumOptions } from './service.ts'

/** The protocol unless told otherwise. */
export const DEFAULT_PROTOCOL = '/ipfs/kad/1.0.0'

/** How long a query may take whose caller names no end. ms. As @libp2p/kad-dht. */
export const QUERY_TIMEOUT_MS = 180_000

/** Options that are taken. */
const TAKEN: Readonly<Record<Exclude<keyof KadDHTInit, NeedlessOption>, true>> = {
  kBucketSize: true,
  alpha: true,
  clientMode: true,
  validators: true,
  selectors: true,
  peerInfoMapper: true,
  protocol: true,
  logPrefix: true,
  datastorePrefix: true,
  allowQueryWithZeroPeers: true,
}

/** Why it is no loss that an option changes nothing. */
const NEEDLESS: Readonly<Record<NeedlessOption, string>> = {
  kBucketSplitThreshold: 'buckets split where the own key lies, as Kademlia says',
  prefixLength: 'the table is as deep as the network makes it',
  disjointPaths: 'lookups have one path, which ends when the k closest have answered',
  routingTableUpdateQueueConcurrency: 'the table is updated at once, without a queue',
  routingTableUpdateMaxQueueSize: 'the table is updated at once, without a queue',
  querySelfInterval: 'buckets are refreshed hourly unless a lookup touched them',
  initialQuerySelfInterval: 'the peer joins as soon as it meets another',
  metricsPrefix: 'counters stand in `dht.kadmium.status()`',
  pingOldContactTimeout: 'timeouts come from round trips',
  pingOldContactConcurrency: 'probes are bounded by Kadmium',
  pingOldContactMaxQueueSize: 'probes are bounded by Kadmium',
  pingNewContactTimeout: 'timeouts come from round trips',
  pingNewContactConcurrency: 'probes are bounded by Kadmium',
  pingNewContactMaxQueueSize: 'probes are bounded by Kadmium',
  maxInboundStreams: 'streams stand, one for each peer',
  maxOutboundStreams: 'streams stand, one for each peer',
  providers: 'providers are kept for 48 hours, as the specification says',
  reprovide: 'what is provided is announced again every 22 hours',
  networkDialTimeout: 'timeouts come from round trips',
  onPeerConnectTimeout: 'timeouts come from round trips',
  incomingMessageTimeout: 'a stream is kept as long as it moves',
}

/** Kadmium's options for those of @libp2p/kad-dht. Validators and addresses are the rules of the network (kad-dht.ts). */
export function kadmiumOptions(init: KadDHTInit): KadmiumOptions {
  const { kBucketSize = 20, alpha = 10, clientMode } = init
  checkWhole('kBucketSize', kBucketSize, 100)
  checkWhole('alpha', alpha, 32)
  return {
    k: kBucketSize,
    alpha,
    contactsPerResponse: Math.min(40, kBucketSize),
    protocol: init.protocol ?? DEFAULT_PROTOCOL,
    mode: clientMode === undefined ? 'auto' : clientMode ? 'client' : 'server',
    operationTimeoutMs: QUERY_TIMEOUT_MS,
  }
}

/** Says which of the given options change nothing, in a warning of the process: a library's log is mostly switched off. */
export function warnOfNeedless(init: KadDHTInit): void {
  const needless = Object.entries(init)
    .filter(([name, value]) => value !== undefined && !Object.hasOwn(TAKEN, name))
    .map(([name]) => `\`${name}\` (${isNeedless(name) ? NEEDLESS[name] : 'not known'})`)
  if (needless.length === 0) return
  process.emitWarning(`options of kadDHT that change nothing in Kadmium: ${needless.join(', ')}`, {
    type: 'KadmiumWarning',
    code: 'KADMIUM_NEEDLESS_OPTION',
  })
}

/** The datastore prefix, with one slash before it and none behind. */
export function datastorePrefixOf({ datastorePrefix = '/dht' }: KadDHTInit): string {
  return `/${datastorePrefix.replace(/^\/+|\/+$/g, '')}`
}

function isNeedless(name: string): name is NeedlessOption {
  return Object.hasOwn(NEEDLESS, name)
}

function checkWhole(option: string, value: number, max: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= max) return
  const hint = value === Number.POSITIVE_INFINITY ? ': Kadmium keeps no table of all peers' : ''
  throw new KadmiumError(
    'ERR_INVALID_OPTION',
    `\`${option}\` must be a whole number in 1…${max}, got ${String(value)}${hint}`,
    { details: { option } },
  )
}
