import type { RpcType } from '../core/message.ts'

/*
 * message Message {
 *   MessageType type = 1; bytes key = 2; Record record = 3;
 *   repeated Peer closerPeers = 8; repeated Peer providerPeers = 9; int32 clusterLevelRaw = 10;
 *   string refusal = 100; bool kadmium = 101; bool tellCloser = 102;
 * }
 *
 * Fields 1 to 10 are those of libp2p's Kademlia specification; `clusterLevelRaw` means nothing any more. The others are
 * ours, and other implementations skip them:
 *
 * - `refusal`: this answer is none, and why. It has no record, so that others see a failed put.
 * - `kadmium`: of a request, that its sender reads refusals, takes acknowledgements of PUT_VALUE that do not carry the
 *   whole value back, and waits for one of ADD_PROVIDER, which others do not send. Of an answer, that it keeps to this.
 * - `tellCloser`: of a PUT_VALUE or ADD_PROVIDER, that the answer shall bring `closerPeers` as that of FIND_NODE does.
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

/** The types of messages by their number on the wire. */
export const TYPES: readonly RpcType[] = [
  'put-value',
  'get-value',
  'add-provider',
  'get-providers',
  'find-node',
  'ping',
]

/** The numbers of the types. */
export const TYPE_NUMBERS: Readonly<Record<RpcType, number>> = {
  'put-value': 0,
  'get-value': 1,
  'add-provider': 2,
  'get-providers': 3,
  'find-node': 4,
  ping: 5,
}
