/**
 * Kadmium as a library: a Kademlia peer as a libp2p service, and what its users need beside it.
 *
 * @packageDocumentation
 */

export type { Contact } from './core/contact.ts'
export { type ErrorCode, KadmiumError } from './core/errors.ts'
export type { DhtEvent, OperationKind } from './core/events.ts'
export type { Key } from './core/key.ts'
export type {
  Hearing,
  RpcFailure,
  RpcRequest,
  RpcResponse,
  RpcType,
  WatchCursor,
} from './core/message.ts'
export type { Mode, NodeOptions } from './core/options.ts'
export type {
  Instant,
  Observer,
  Storage,
  StorageEntry,
  StoragePage,
  StorageWrite,
} from './core/ports.ts'
export type { ValueRecord } from './core/record.ts'
export { kvKey, mutableKey, recordKeyToText, sha256Key } from './core/record-key.ts'
export type { StoreFailure } from './core/store-at-closest.ts'
export type { InvalidVerdict, Validator, ValidVerdict, Verdict } from './core/validators.ts'
export type { GapReason } from './core/watch.ts'
export type { InboundCounters } from './libp2p/inbound-stream.ts'
export type { AddressKind } from './libp2p/network-rules.ts'
export type { NetworkCounters } from './libp2p/peer-channel.ts'
export {
  type KadmiumComponents,
  type KadmiumOptions,
  type KadmiumService,
  type KadmiumStatus,
  kadmium,
} from './libp2p/service.ts'
export type {
  UserGetResult,
  UserKey,
  UserPutOptions,
  UserPutResult,
} from './libp2p/user-values.ts'
export type { UserWatchEvent, UserWatchGap, UserWatchValue } from './libp2p/user-watch.ts'
export type { JoinResult } from './node/bootstrap.ts'
export type { FindNodeOptions, FindNodeResult, OperationOptions } from './node/lookups.ts'
export type { FindPeerOptions, FindProvidersOptions, ProvideResult } from './node/providers.ts'
export type { GetOptions } from './node/values.ts'
export type { WatchOptions } from './node/watching.ts'
export { type LevelDbOptions, LevelDbStorage } from './storage/leveldb-storage.ts'
