import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

/**
 * Faults that other implementations of Kademlia have or had, and what keeps them out here: a test, by its file and a part of
 * its name, or the way the code is made. A test that is renamed or removed has to be looked for again: that is what this file
 * checks. Mistakes against the paper have their numbers in the names of the tests of this folder.
 */

interface Fault {
  readonly fault: string
  readonly tests?: readonly (readonly [file: string, name: string])[]
  readonly construction?: string
}

const ROUTING_TABLE: readonly Fault[] = [
  {
    fault:
      'fixed buckets of the preprint; a table that stops deepening near the own key (js-libp2p#2748)',
    tests: [
      ['paper/routing-table', 'the tree goes on deepening towards the own id'],
      ['paper/routing-table', 'knows all of the smallest subtree around itself'],
      ['properties/routing-table', 'finds the exact k closest to each key near its own'],
    ],
  },
  {
    fault: 'shared bytes counted for shared bits (js kad-dht, refresh)',
    tests: [['paper/routing-table', 'bits are counted, not bytes']],
  },
  {
    fault: 'farther rows visited first (kademlia-routing-table)',
    tests: [
      ['paper/routing-table', 'visits nearer rows first, for each target and each count'],
      ['properties/routing-table', 'is what sorting all contacts would give'],
    ],
  },
  {
    fault: 'contacts dropped when they disconnect (go-libp2p-kad-dht#45, #345, #283)',
    tests: [['libp2p/service', 'keeps a contact that has only disconnected']],
  },
  {
    fault:
      'dropped at the first failure, or never (kademlia of bmuller#23; js kad-dht; js-libp2p#3537)',
    tests: [
      ['paper/routing-table', 'one lost packet throws nobody out, failures in a row do'],
      ['node/kademlia-node', 'forgets dead peers once others can take their place'],
      ['node/retries', 'counts as gone within minutes of its death'],
    ],
  },
  {
    fault: 'no replacement cache, or the first come first (go, js, rust)',
    tests: [['paper/routing-table', 'the most recently seen of those that wait goes first']],
  },
  {
    fault: 'the split decided by what a bucket holds (hivemind PR 37)',
    tests: [['paper/routing-table', 'not on who came before (mistake 5)']],
  },
  {
    fault: 'short answers, from one bucket (storj-core#178, kadence#81, hivemind PR 37)',
    tests: [['paper/routing-table', 'answers from several buckets']],
  },
  {
    fault: 'peers admitted that were only heard of, or that only answered a ping (js kad-dht)',
    tests: [
      ['paper/routing-table', 'who was only heard of does not enter'],
      ['node/kademlia-node', 'answers nothing as a client, and nobody keeps it in a table'],
      ['interop/two-peers', 'keeps no client of theirs in its table'],
    ],
  },
  {
    fault: 'dead peers told to others (rust-libp2p#1771, go PR 820)',
    tests: [['paper/routing-table', 'names dead contacts only when it knows nobody better']],
  },
  {
    fault: 'refresh by the clock, or that does nothing (js-libp2p#3538)',
    tests: [
      ['paper/routing-table', 'whose range no lookup went into for an hour, and for no other'],
      ['node/kademlia-node', 'refreshes buckets that no lookup touched'],
    ],
  },
  {
    fault: 'a self lookup that is cut off before any answer (js kad-dht, query-self)',
    tests: [
      ['node/kademlia-node', 'knows its k nearest neighbours after joining'],
      ['paper/lookup', 'looks up the own id, and then into every row'],
    ],
  },
  {
    fault: 'one network fills the table (Ethereum 2018, IPFS 2020)',
    tests: [['core/routing-table', 'holds for the nearest neighbours too']],
  },
  {
    fault:
      'a table that is lost with the process (go#254), an empty one that stays so (calimero core#3326, go#387)',
    tests: [
      ['integration/daemon', 'comes back as the same peer, by its saved contacts'],
      ['node/kademlia-node', 'joins again without a bootstrap peer'],
    ],
  },
  {
    fault:
      'pings in the query’s own loop, or in the handling of a request (js-libp2p#3425, #2866); 200,000 of them (#341)',
    tests: [['node/server', 'are asked a bounded number at once']],
    construction: 'answers are given and lookups decided without waiting for any probe',
  },
]

const LOOKUPS: readonly Fault[] = [
  {
    fault: 'rounds in step, so that alpha saves no time (hivemind PR 37)',
    tests: [['paper/lookup', 'no rounds in step (mistake 7)']],
  },
  {
    fault:
      'ends without progress, or asks everybody (go#290; discv5; js-libp2p#3539; js kad-dht#86)',
    tests: [
      ['paper/lookup', 'not when there is no progress (mistake 8)'],
      ['paper/lookup', 'does not go on until it has asked everybody'],
      ['core/lookup', 'the farther peers stay in peace'],
    ],
  },
  {
    fault: 'a candidate dropped as it is not nearer than its referrer (js kad-dht, query-path)',
    tests: [['paper/lookup', 'ends when the k closest have answered']],
  },
  {
    fault: 'late answers thrown away',
    tests: [['paper/lookup', 'takes who is late back in']],
  },
  {
    fault:
      'one silent or slow peer holds up a lookup for minutes (py-libp2p#1434, js kad-dht#103, kubo#3657, go#528)',
    tests: [
      ['core/lookup', 'goes on beside a silent peer'],
      ['paper/lookup', 'a peer slower than its usual holds up no other'],
    ],
  },
  {
    fault: 'the timeout grows to a minute for everybody (js-libp2p#3420)',
    tests: [['core/rtt-estimator', 'nor more than the longest timeout']],
  },
  {
    fault: 'one referrer’s wrong address hides a peer (probe-lab/go-kademlia#38)',
    tests: [['core/lookup', 'though a liar named it first']],
  },
  {
    fault: 'an answer of any size is taken in (go PR 1270, PR 1281; telcoin#1221)',
    tests: [
      ['core/lookup', 'takes at most 40 contacts from one answer'],
      ['core/lookup', 'keeps a bounded number of candidates'],
      ['wire/messages', 'takes at most 40 peers and 8 addresses of each'],
    ],
  },
  {
    fault: 'partial results lost at the deadline (telcoin#744)',
    tests: [['core/lookup', 'ends at its deadline with what it has, and says so']],
  },
  {
    fault:
      'a lookup within the lookup for a bare peer id; storms of dials without addresses (js-libp2p#2040)',
    tests: [['libp2p/network', 'never by the bare id']],
  },
  {
    fault: 'two places find different peers (Kang and others, 2009)',
    tests: [
      ['paper/lookup', 'what one stores the other finds (mistake 20)'],
      ['integration/many-peers', 'closest of all to each of'],
    ],
  },
  {
    fault: 'FIND_NODE for the own id is empty (go#966, rust#5269, js#2450)',
    tests: [['node/server', 'for the peer that is asked names it, and others besides']],
  },
]

const VALUES: readonly Fault[] = [
  {
    fault:
      'a put that nobody or too few took is said to have worked (js kad-dht#32; js-libp2p#3502; go)',
    tests: [
      ['core/store-at-closest', 'does not meet its quorum without any holder'],
      ['node/kademlia-node', 'fails a put whose quorum is not met'],
      ['interop/two-peers', 'says that nobody stored what they refuse'],
    ],
  },
  {
    fault: 'one bad peer fails the put (js kad-dht#68, #72), or a place stays empty (go#139)',
    tests: [['core/store-at-closest', 'asks the next closest where one refuses']],
  },
  {
    fault: 'a get that waits for the whole query, or fails as a repair failed (js kad-dht)',
    tests: [
      ['core/get-value', 'ends at the first valid answer when the quorum is one'],
      ['node/operations', 'takes back the repairs of a read when it stops'],
    ],
    construction: 'repairs are an operation of their own, whose end no reader waits for',
  },
  {
    fault: 'the record’s key is not compared with the message’s (js-libp2p#3577)',
    tests: [
      ['node/server', 'of a record %s is refused, and nothing is kept'],
      ['node/kademlia-node', 'refuses to store a forged record, and a record of another key'],
    ],
  },
  {
    fault: 'an older value takes the place of a newer one (js-libp2p#3377)',
    tests: [['node/server', 'of an older value never takes the place of a newer one']],
  },
  {
    fault: 'keys without a namespace are not validated (js-libp2p, an advisory of 2026)',
    tests: [['node/server', 'of a key without a namespace']],
  },
  {
    fault: 'records are served as they stand on the disk (go PR 1285)',
    tests: [
      ['core/record-store', 'is not believed: what is malformed, tampered with'],
      ['node/kademlia-node', 'never gives out a record that was tampered with in a store'],
    ],
  },
  {
    fault: 'values are never swept and never published again (go#323, js kad-dht)',
    tests: [
      ['core/record-store', 'the sweep removes it'],
      ['node/replication', 'brings the copies back to k within an interval after holders died'],
    ],
  },
  {
    fault: 'a replica’s word prolongs a life',
    tests: [['paper/values', 'however often replicas hand it on (mistake 14)']],
  },
  {
    fault: 'all holders publish again at one time, or all hand over',
    tests: [
      ['paper/values', 'is done by one holder an hour'],
      ['paper/values', 'each from one holder (mistake 16)'],
    ],
  },
  {
    fault: 'no copy on the way, or one at a peer that has it',
    tests: [['paper/values', 'and at no other (mistake 17)']],
  },
  {
    fault: 'a store that one writer fills (rust PR 5536)',
    tests: [
      ['libp2p/flood', 'refuses with the reason, and keeps the values of others'],
      ['core/provider-store', 'keeps a bounded number of keys and providers'],
    ],
  },
  {
    fault:
      'GET_PROVIDERS fails when a provider’s addresses are forgotten; other hashes than SHA-256 fail (js kad-dht)',
    tests: [
      ['node/replication', 'are found from every peer, and no longer after their validity'],
      ['node/server', 'are answered for keys of any hash'],
    ],
  },
  {
    fault: 'a peer announces others as providers',
    tests: [['node/replication', 'cannot be announced by others']],
  },
]

const STREAMS: readonly Fault[] = [
  {
    fault: 'one unknown or malformed address discards an answer (js kad-dht)',
    tests: [['wire/messages', 'keeps the good peers and addresses among bad ones']],
  },
  {
    fault: 'a length that is not bounded (py-libp2p#1438), a message that never ends',
    tests: [
      ['wire/framing', 'refuses a length over the limit before the message has come'],
      ['libp2p/inbound', 'is reset when a message comes in drips'],
    ],
  },
  {
    fault:
      'more requests, streams or answers in waiting than a peer can bear (nim#1851; js-ipfs#3469)',
    tests: [
      ['libp2p/inbound', 'is read no faster than it is answered'],
      ['libp2p/inbound', 'are so many at most'],
      ['libp2p/network', 'has a bounded queue'],
    ],
  },
  {
    fault: 'a handler that fails leaves the asker waiting (js-libp2p#3509)',
    tests: [['libp2p/inbound', 'is reset for %s, and no other stream is']],
  },
  {
    fault: 'a handler that does not close its side keeps a stream: the 33rd is reset',
    tests: [['libp2p/inbound', 'ends in good order when its peer has said all']],
  },
  {
    fault: 'a pooled stream that the other side has closed (nim#2990)',
    tests: [
      ['libp2p/network', 'is asked once more on a fresh one, and no more'],
      ['interop/two-peers', 'goes on when their side %s an idle stream'],
    ],
  },
  {
    fault: 'an answer to ADD_PROVIDER shifts the answers behind it',
    tests: [['libp2p/network', 'does not shift the answers behind it']],
  },
  {
    fault: 'answers that do not fit the packets of rust-libp2p (rust#1622, zq2#2253)',
    tests: [['libp2p/answer-size', 'names the nearest contacts that fit']],
  },
  {
    fault:
      'stopping leaves a handler, or a timer that is set again (js kad-dht); listeners pile up (js-libp2p#3202)',
    tests: [
      ['libp2p/service', 'leaves nothing behind when it stops'],
      ['node/kademlia-node', 'leaves no alarm behind'],
    ],
  },
  {
    fault: 'addresses forgotten after an hour with libp2p’s peer store',
    construction: 'a contact holds its addresses itself, in the table and on the disk',
  },
  {
    fault:
      'peers that are clients without wanting to (rust#4194, js kad-dht): two of them cannot do anything',
    tests: [
      ['libp2p/kad-dht', 'serves while it can be reached if nothing is said of the mode'],
      ['libp2p/service', 'starts again after it has stopped'],
    ],
    construction: 'a peer is a server by default',
  },
  {
    fault: 'a change of mode that others do not hear of',
    tests: [
      ['interop/two-peers', 'is no contact of theirs as a client, and becomes one as a server'],
    ],
  },
  {
    fault: 'time received is believed, or must be there (py-libp2p#1425)',
    tests: [['wire/messages', 'puts in the time of receipt that the caller gives']],
    construction: 'it is written for others and never read',
  },
]

describe.each([
  ['of routing tables', ROUTING_TABLE],
  ['of lookups', LOOKUPS],
  ['of values', VALUES],
  ['of streams', STREAMS],
])('a known fault %s', (_of, faults) => {
  it.each(faults.map((fault) => [fault.fault, fault] as const))(
    'is kept out: %s',
    (_name, fault) => {
      const { tests = [], construction } = fault
      expect(tests.length > 0 || construction !== undefined).toBe(true)
      for (const [file, name] of tests) {
        const source = readFileSync(new URL(`../${file}.test.ts`, import.meta.url), 'utf8')
        expect(source, `${file}.test.ts names no test '${name}'`).toContain(name)
      }
    },
  )
})
