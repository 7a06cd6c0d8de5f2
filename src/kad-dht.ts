/**
 * Kadmium with the interface of @libp2p/kad-dht: programs written for that package change the name of the import.
 *
 * @packageDocumentation
 */

export { type KadDHTComponents, KadmiumDHT, kadDHT } from './libp2p/kad-dht.ts'
export { Libp2pRecord as Record } from './libp2p/kad-dht-record.ts'
export {
  type AddPeerEvent,
  type DHTProgressEvents,
  type DHTRecord,
  type DialPeerEvent,
  type DisjointPath,
  EventTypes,
  type FinalPeerEvent,
  type KadDHT,
  type KadDHTInit,
  type MessageName,
  MessageType,
  type NeedlessOption,
  type PathEndedEvent,
  type PeerResponseEvent,
  type ProviderEvent,
  type ProvidersInit,
  type QueryErrorEvent,
  type QueryEvent,
  type ReProvideInit,
  type RoutingTable,
  type SelectFn,
  type Selectors,
  type SendQueryEvent,
  type SetModeOptions,
  type SingleKadDHT,
  type ValidateFn,
  type Validators,
  type ValueEvent,
} from './libp2p/kad-dht-types.ts'
export {
  type PeerInfoMapper,
  passthroughMapper,
  removePrivateAddressesMapper,
  removePublicAddressesMapper,
} from './libp2p/peer-mappers.ts'
