import { KadmiumError } from '../core/errors.ts'
import type { Mode, NodeOptions } from '../core/options.ts'
import type { Validator } from '../core/validators.ts'
import { IPNS_NAMESPACE, IPNS_RECORD_BYTES_MAX, ipnsValidator } from './ipns-validator.ts'
import {
  type PeerInfoMapper,
  passthroughMapper,
  removePrivateAddressesMapper,
  removePublicAddressesMapper,
} from './peer-mappers.ts'
import { PK_NAMESPACE, pkValidator } from './pk-validator.ts'
import type { RecordVerifier } from './record-verifier.ts'

/** Which addresses peers of a network tell of one another: those of the internet, those of one house, or all. */
export type AddressKind = 'public' | 'private' | 'any'

/** What the peers of a network have agreed on, besides the options of each. */
export interface NetworkRules {
  /** Whether Kadmium's own kinds of records are kept: `/sha256/`, `/mutable/`, `/kv/`. */
  readonly ownKinds: boolean
  /** Further kinds, by namespace. */
  readonly validators: ReadonlyMap<string, Validator>
  /** Applied to every peer that is heard of, and to what is told of this one. */
  readonly mapper: PeerInfoMapper
  /** The longest answer that all peers take. Bytes; `undefined`: the protocol's own bound. */
  readonly answerBytesMax: number | undefined
  /** The largest value unless the user says otherwise. Bytes. */
  readonly valueBytesMax: number
  /** The mode unless the user says otherwise. */
  readonly mode: Mode | 'auto'
  /** Further options unless the user says otherwise. */
  readonly defaults: Partial<NodeOptions>
  /** For validators that take time. */
  readonly verifier?: RecordVerifier | undefined
}

/** The longest packet of rust-libp2p's Kademlia unless told otherwise. Bytes. */
export const RUST_PACKET_BYTES_MAX: number = 16 * 1024

/** The largest value of a network that says nothing of it. Bytes. */
export const VALUE_BYTES_MAX: number = 64 * 1024

/** The id of a protocol below a prefix. */
export function protocolOf(prefix: string): string {
  return `/${prefix}/kad/1.0.0`
}

/**
 * The protocol of watchers in the network of this protocol: `/kadmium/watch/1.0.0` for Kadmium's own. Others' networks get an
 * id in which theirs stands, for the names in their space are not ours to give.
 */
export function watchProtocolOf(protocol: string): string {
  const own = '/kadmium/watch/1.0.0'
  return protocol === protocolOf('kadmium') ? own : `${own}${protocol}`
}

/** The protocols of the IPFS Kademlia specification, and the addresses that its peers tell. */
const IPFS_PROTOCOLS: ReadonlyMap<string, AddressKind> = new Map([
  [protocolOf('ipfs'), 'public'],
  [protocolOf('ipfs/lan'), 'private'],
])

/** Whether the IPFS Kademlia specification governs a protocol. */
export function isIpfsProtocol(protocol: string): boolean {
  return IPFS_PROTOCOLS.has(protocol)
}

/** What the IPFS Kademlia specification recommends: α, the quorum of IPNS, and how often tables are refreshed. */
const IPFS_DEFAULTS: Partial<NodeOptions> = {
  alpha: 10,
  getQuorum: 16,
  refreshIntervalMs: 10 * 60_000,
}

/** Options that the peers of a protocol take unless told otherwise. */
export function defaultsOf(protocol: string): Partial<NodeOptions> {
  return isIpfsProtocol(protocol) ? IPFS_DEFAULTS : {}
}

/**
 * The rules of a network, by its protocol.
 *
 * Those of IPFS (specification "IPFS Kademlia DHT"): only `/pk/` and `/ipns/` records; a peer of the public network tells
 * only public addresses and serves only while it has one; one of the local network tells only private addresses. Records are
 * bounded to what IPNS allows, and answers to what rust-libp2p takes.
 */
export function rulesOf(
  protocol: string,
  given: {
    readonly validators?: ReadonlyMap<string, Validator> | undefined
    readonly addressKind?: AddressKind | undefined
  } = {},
): NetworkRules {
  const ipfs = IPFS_PROTOCOLS.get(protocol)
  const isIpfs = ipfs !== undefined
  const kinds: [string, Validator][] = [[PK_NAMESPACE, pkValidator]]
  if (isIpfs) kinds.push([IPNS_NAMESPACE, ipnsValidator])
  return {
    ownKinds: !isIpfs,
    validators: new Map([...kinds, ...(given.validators ?? [])]),
    mapper: mapperOf(given.addressKind ?? ipfs ?? 'any'),
    answerBytesMax: isIpfs ? RUST_PACKET_BYTES_MAX : undefined,
    valueBytesMax: isIpfs ? IPNS_RECORD_BYTES_MAX : VALUE_BYTES_MAX,
    mode: ipfs === 'public' ? 'auto' : 'server',
    defaults: defaultsOf(protocol),
  }
}

/** @throws KadmiumError `ERR_INVALID_OPTION` for an option that the network does not leave to its peers. */
export function checkRules(
  protocol: string,
  { k = 20 }: { readonly k?: number | undefined },
): void {
  if (!isIpfsProtocol(protocol) || k === 20) return
  throw new KadmiumError(
    'ERR_INVALID_OPTION',
    `\`k\` must be 20 in a network of IPFS (${protocol}), got ${k}: its peers have agreed on it`,
    { details: { option: 'k' } },
  )
}

function mapperOf(kind: AddressKind): PeerInfoMapper {
  switch (kind) {
    case 'public':
      return removePrivateAddressesMapper
    case 'private':
      return removePublicAddressesMapper
    case 'any':
      return passthroughMapper
    default:
      throw new KadmiumError(
        'ERR_INVALID_OPTION',
        `\`addressKind\` must be 'public', 'private' or 'any', got ${String(kind)}`,
        { details: { option: 'addressKind' } },
      )
  }
}
