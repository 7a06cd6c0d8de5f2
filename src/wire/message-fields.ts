import type { RpcType } from '../core/message.ts'

/*
 * message Message {
 *   MessageType type = 1; bytes key = 2; Record record = 3;
 *   repeated Peer closerPeers = 8; repeated Peer providerPeers = 9; int32 clusterLevelRaw = 10;
 *   string refusal = 100; bool kadmium = 101; bool tellCloser = 102; optional uint64 ifVersion = 103;
 *   repeated sfixed32 known = 104;
 *   uint32 watchEpoch = 110; uint64 watchSerial = 111; uint32 waitMs = 112; uint64 missed = 113;
 * }
 *
 * Fields 1 to 10 are those of libp2p's Kademlia specification; `clusterLevelRaw` means nothing any more. The others are
 * ours, and other implementations skip them:
 *
 * - `refusal`: this answer is none, and why. It has no record, so that others see a failed put.
 * - `kadmium`: of a request, that its sender reads refusals, takes acknowledgements of PUT_VALUE that do not carry the
 *   whole value back, and waits for one of ADD_PROVIDER, which others do not send. Of an answer, that it keeps to this.
 * - `tellCloser`: of a PUT_VALUE or ADD_PROVIDER, that the answer shall bring `closerPeers` as that of FIND_NODE does.
 * - `ifVersion`: of a PUT_VALUE, that it shall be refused unless the version held is this one (0: none is held); of such a
 *   refusal, the version that is held. Who skips it stores unconditionally: others hold no conditional write back.
 * - `known`: of a request that asks for contacts, whom its sender has heard of, by the first four bytes of each key, most
 *   significant first: the answer leaves them out, but for the nearest of all. Who skips it names them.
 * - `watchEpoch`, `watchSerial`: a watcher's cursor, in requests and answers of type WATCH (100), which travels by a
 *   protocol of its own; `waitMs` of the request, `missed` of the answer. Its answer may have several records.
 */

// Each field's number and wire type, as they stand before its value: number × 8 + 0 for numbers, + 2 for bytes.
export const TAG_TYPE = 8
export const TAG_KEY = 18
export const TAG_RECORD = 26
export const TAG_CLOSER = 66
export const TAG_PROVIDERS = 74
export const TAG_REFUSAL = 802
export const TAG_KADMIUM = 808
export const TAG_TELL_CLOSER = 816
export const TAG_IF_VERSION = 824
export const TAG_KNOWN = 834
export const TAG_WATCH_EPOCH = 880
export const TAG_WATCH_SERIAL = 888
export const TAG_WAIT_MS = 896
export const TAG_MISSED = 904

/** The types of messages by their number on the wire. */
export const TYPES: ReadonlyMap<number, RpcType> = new Map([
  [0, 'put-value'],
  [1, 'get-value'],
  [2, 'add-provider'],
  [3, 'get-providers'],
  [4, 'find-node'],
  [5, 'ping'],
  [100, 'watch'],
])

/** The numbers of the types. */
export const TYPE_NUMBERS: Readonly<Record<RpcType, number>> = {
  'put-value': 0,
  'get-value': 1,
  'add-provider': 2,
  'get-providers': 3,
  'find-node': 4,
  ping: 5,
  watch: 100,
}
