/**
 * The bounds of the libp2p adapter: what a stranger could make grow on streams and connections. The protocol's own bounds
 * stand in core/limits.ts.
 */

/** Requests under way on one stream; more wait. A sequential server answers them one by one. */
export const PIPELINE_MAX = 128

/** Requests that wait for one peer's stream; a further one is given up at once. */
export const WAITING_PER_PEER_MAX = 1_024

/** Streams of our own that are kept open; beyond it the one least recently used is closed. */
export const OUTBOUND_STREAMS_MAX = 512

/** A stream of ours that was not used for so long is closed. ms. js-libp2p closes it after 10 s, go-libp2p after 60 s. */
export const OUTBOUND_IDLE_MS = 120_000

/** A connection that the DHT opened and that has carried no stream for so long is closed. ms. */
export const CONNECTION_IDLE_MS = 300_000

/** A stream whose oldest request is out of time and unanswered for so long is reset. ms. */
export const STALL_MS = 10_000

/** How often idle and stalled streams are looked for. ms. */
export const SWEEP_MS = 2_000

/** Streams that one connection may open to us. Source: libp2p's default; js peers open one for each request. */
export const INBOUND_STREAMS_PER_CONNECTION_MAX = 32

/** Streams that others hold open to us; beyond it a peer with the most of them loses one. */
export const INBOUND_STREAMS_MAX = 2_048

/** A stream of others that was silent for so long is closed. ms. Longer than `OUTBOUND_IDLE_MS`: its owner closes first. */
export const INBOUND_IDLE_MS = 300_000

/** A message that does not go on for so long is given up, and its stream reset. ms. */
export const INBOUND_PARTIAL_MS = 15_000

/** A message must be whole so long after its first bytes, however steadily it drips. ms. The largest then takes 1.2 KB/s. */
export const INBOUND_MESSAGE_MS = 60_000

/** Requests of one stream that are being answered; reading pauses until some are. */
export const INBOUND_PER_STREAM_MAX = 64

/** Requests of all peers that are being answered; reading pauses until some are. */
export const INBOUND_TOTAL_MAX = 2_048

/** Answers of one stream that wait to be sent; reading pauses until they are. Bytes. */
export const INBOUND_BACKLOG_BYTES_MAX: number = 256 * 1024

/** Requests a second that one peer is granted in the long run; more wait unread. */
export const INBOUND_RATE_PER_S = 2_000

/** Requests that one peer may make in a burst. */
export const INBOUND_BURST = 4_000

/** Peers whose rate is remembered; one without streams makes room. */
export const INBOUND_PEERS_MAX = 4_096

/** Peers that were met of late and are named to those who ask for them; the one met longest ago makes room. */
export const MET_PEERS_MAX = 4_096

/** How long a peer that is no longer connected is named. ms. As long as libp2p's peer store keeps an address. */
export const MET_PEERS_MS: number = 60 * 60_000

/** Contacts found again by the bytes of their message. A power of two. */
export const INTERNED_CONTACTS = 4_096

/** A `Peer` message longer than this is dropped. Bytes. Source: go-libp2p-kad-dht PR 1281. */
export const PEER_MESSAGE_BYTES_MAX: number = 8 * 1024

/** What an answer may hold besides a value: 40 contacts with 8 addresses each, and others' longer ones. Bytes. */
export const ANSWER_OVERHEAD_BYTES_MAX: number = 256 * 1024

/** What a request may hold besides a value: key twice, and provider addresses. Bytes. */
export const REQUEST_OVERHEAD_BYTES_MAX: number = 8 * 1024

/** How long the stream of a watcher's request may take to open. ms. */
export const WATCH_OPEN_MS = 10_000

/** Watchers' streams that stand on one connection: of either end, one for each key that one watches at the other. */
export const WATCH_STREAMS_PER_CONNECTION_MAX = 256

/** Watchers' streams in all; a further one is reset. */
export const WATCH_STREAMS_MAX = 8_192

/** Watchers' requests a second that one peer is granted in the long run; a further one is reset. */
export const WATCH_RATE_PER_S = 200

/** Watchers' requests that one peer may make in a burst. */
export const WATCH_BURST = 1_000
