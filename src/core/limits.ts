/**
 * Every bound that a stranger could run into, and every constant of the protocol: unit, meaning, source. What a user may
 * change is an option (options.ts); what stands here is the same for everyone.
 */

/** A peer id's multihash: an Ed25519 identity hash is 38 bytes, a SHA-256 one 34. Bytes. */
export const PEER_ID_BYTES_MAX = 80

/** Addresses kept for a peer; more are dropped. Keeps 20 contacts within rust-libp2p's 16 KiB packets. */
export const ADDRESSES_PER_PEER_MAX = 8

/** One binary multiaddr; a longer one is dropped. Bytes. */
export const ADDRESS_BYTES_MAX = 256

/** A record's key (preimage), in bytes. */
export const RECORD_KEY_BYTES_MAX = 1024

/** A provider key: a multihash. Bytes. Source: IPFS Kademlia specification; go-libp2p-kad-dht refuses more. */
export const PROVIDER_KEY_BYTES_MAX = 80

/** The key of a FIND_NODE request: any bytes, a peer id or a record key. Bytes. */
export const REQUEST_KEY_BYTES_MAX = 1024

/** Contacts read from one answer; what stands after them is dropped. Source: go-libp2p-kad-dht PR 1270 takes 2k. */
export const CONTACTS_PER_RESPONSE_MAX = 40

/** A refusal's text on the wire. Bytes. */
export const REFUSAL_BYTES_MAX = 256

/**
 * What an envelope and its payload add to a value: signature, public key, record key, version, expiry. Bytes. A value at
 * the limit still fits its message.
 */
export const ENVELOPE_OVERHEAD_BYTES_MAX = 2048

/** Failed requests in a row after which a contact is stale. Source: Kademlia, section 4.1. */
export const FAILURES_STALE = 5

/**
 * Failed requests in a row after which a contact is forgotten even if nobody takes its place, as long as any other contact
 * answers. With the back-off below that is after some 70 minutes: whoever only starts again is remembered. Lookups that
 * go on asking it make that less.
 */
export const FAILURES_GONE = 10

/** First pause after a failure before a contact is asked again by maintenance; doubles with each further one. ms. */
export const BACKOFF_FIRST_MS = 10_000

/** Longest such pause. ms. */
export const BACKOFF_MAX_MS: number = 30 * 60_000

/**
 * A lookup gives nobody up earlier. ms. One pause of a process may be as long, which the round trips of a local network do not
 * tell. Source: the least retransmission timeout of Linux (TCP_RTO_MIN).
 */
export const GIVE_UP_MIN_MS = 200

/** Contacts of one IP group (IPv4 /16, IPv6 /32) in a bucket. Source: go-libp2p-kad-dht, IPFS Kademlia specification. */
export const IP_GROUP_PER_BUCKET_MAX = 2

/** Contacts of one IP group in a table. Source: as above. */
export const IP_GROUP_PER_TABLE_MAX = 3

/** Round-trip times remembered; the peer not heard of for longest is forgotten. */
export const RTT_PEERS_MAX = 1024

/**
 * A put writes before its lookup has ended at peers whose rank from the key is at most so many times k, by the estimate of the
 * network's size. That estimate is off by some 10 to 20 %; where ranks end matters little, as copies beyond k just expire.
 * A lookup asks the closest of the own table all at once where all of them stand within the same rank.
 */
export const EARLY_RANK_PER_K = 1.5

/**
 * Who answered us so lately need not be asked again whether it lives. ms. The answers of one lookup may lie as far apart, with
 * two round trips over half the world and a peer that is slow: so no result is older than that of a lookup that asks. Half of
 * it is certain, beyond it may be forgotten (recent-answers.ts).
 */
export const ANSWER_RECENT_MS = 1_000

/** Up to which rank, as a share of k, a peer is surely among the k closest, by the same estimate. */
export const SURE_RANK_PER_K = 0.75

/**
 * A peer holds what it is given as a replica as long as it knows fewer than so many times k peers nearer to the key. More than
 * k, because tables name the dead as well: when two thirds of a network have died, a peer that is one of the k closest living
 * counts three times as many before it.
 */
export const REPLICA_RANK_PER_K = 3

/** Candidates a lookup keeps, as a multiple of k; the farthest is dropped. */
export const LOOKUP_CANDIDATES_PER_K = 16

/** Newcomers waiting for their probe at once; a further one is dropped, it will be met again. */
export const PROBES_MAX = 16

/** How far the timestamp of a `/kv/` record may lie ahead of our clock. ms. A clock further off is refused. */
export const CLOCK_SKEW_MAX_MS: number = 5 * 60_000

/** Contacts saved for the next start: the nearest and the longest known. */
export const SAVED_CONTACTS_MAX = 200

/** How long an inbound request may wait for a durable write before it is refused. ms. */
export const ANSWER_MAX_MS = 10_000

/**
 * A full bucket's oldest contact is probed for a newcomer only when it was silent for so long. ms. IPFS takes 5 minutes; where
 * sessions last an hour in the median that costs more than twice the messages and spares no failed request (`simulate churn`).
 */
export const PROBE_AFTER_MS: number = 30 * 60_000

/** A probe whose end nobody reported is forgotten after this: the longest a request may take. ms. */
export const PROBE_LOCK_MS = 60_000

/** How often a lookup may try a peer again at other addresses, after those of one referrer failed. */
export const ADDRESS_RETRIES_MAX = 2

/** Records that one run over a region takes; more wait for the next run. */
export const REPLICATE_RECORDS_MAX = 512

/** Writes under way at once in a run over a region. */
export const REPLICATE_REQUESTS_MAX = 64

/** Of these, to one peer: enough to fill its pipeline, too few to crowd out others' requests. */
export const REPLICATE_REQUESTS_PER_PEER_MAX = 8

/** Providers kept for a key; the one whose life ends first makes room. Source: rust-libp2p keeps k. */
export const PROVIDERS_PER_KEY_MAX = 100

/** Keys that providers are kept for; a new key beyond it is refused. */
export const PROVIDER_KEYS_MAX = 100_000

/** Keys that one provider is kept for: a quarter of them, as for values (`storeWriterSharePercent`). A further one is refused. */
export const PROVIDER_KEYS_PER_PROVIDER_MAX = 25_000

/** Providers kept for all keys; a further one is refused. About 100 MB. */
export const PROVIDERS_MAX = 200_000

/** How long a provider whose time is over may stand, unseen: so that many are removed at once. ms. */
export const PROVIDER_SWEEP_DELAY_MS = 60_000

/** How long a provider is kept without a new word of it. ms. Source: IPFS Kademlia specification, Amino. */
export const PROVIDER_VALIDITY_MS: number = 48 * 60 * 60_000

/** How long a provider's addresses are given out; after that only its id. ms. Source: as above. */
export const PROVIDER_ADDRESSES_VALIDITY_MS: number = 24 * 60 * 60_000

/** Providers in an answer; keeps it within a message. */
export const PROVIDERS_PER_RESPONSE_MAX = 40

/** Replicas that a watcher of a key listens to, unless it says otherwise: several, so that one may fail unnoticed. */
export const WATCH_REPLICAS = 4

/** How long a holder may keep a watcher's request while nothing happens. ms. A silent loss is noticed as late. */
export const WATCH_WAIT_MS = 60_000

/** How long a subscription stands after its last request; so it is renewed at half of it at the latest. ms. */
export const WATCH_LEASE_MS: number = 2 * WATCH_WAIT_MS

/** What the answer may take beyond that wait: the sweep of waits, and the way. ms. */
export const WATCH_MARGIN_MS = 15_000

/** How often a holder looks for waits and leases that are over. ms. */
export const WATCH_SWEEP_MS = 5_000

/** Subscriptions that a holder keeps: of all, for one key, and of one watcher. A further one is refused. */
export const SUBSCRIPTIONS_MAX = 4_096
export const SUBSCRIPTIONS_PER_KEY_MAX = 512
export const SUBSCRIPTIONS_PER_PEER_MAX = 128

/** Requests of one watcher that wait for one key. */
export const WATCH_REQUESTS_MAX = 4

/** Values of a watched key that a holder keeps for a watcher whose next request is on its way; older ones it counts. */
export const WATCH_BACKLOG_MAX = 16

/** What these may take up for all keys. Bytes. */
export const WATCH_BACKLOG_BYTES_MAX: number = 16 * 1024 * 1024

/** What the values in one answer may take up; the first is given whatever it takes. Bytes. */
export const WATCH_ANSWER_BYTES_MAX: number = 64 * 1024

/** Possible replicas that a watcher remembers; the farthest that it does not listen to makes room. */
export const WATCH_CANDIDATES_MAX = 32

/** How long a value out of order is held back when another holder may still bring what belongs before it. ms. */
export const WATCH_GRACE_MS = 2_000

/** How often a watcher reads the key anew, should every subscription have failed it. ms. */
export const WATCH_POLL_INTERVAL_MS: number = 10 * 60_000

/** First pause before a watcher whose replicas fail looks for others again; doubles up to the longest. ms. */
export const WATCH_SEARCH_PAUSE_MS = 2_000
export const WATCH_SEARCH_PAUSE_MAX_MS = 60_000

/** Answers in a row that come at once and bring nothing, after which a watcher pauses: nobody shall make it spin. */
export const WATCH_IDLE_ANSWERS_MAX = 4

/** That pause. ms. */
export const WATCH_IDLE_PAUSE_MS = 1_000

/** Keys that one peer watches at once; a further watch is refused. */
export const WATCHES_MAX = 1_024

/** Events of a watch that wait for a slow reader; then the oldest are dropped, and that is said. */
export const WATCH_EVENTS_MAX = 128
