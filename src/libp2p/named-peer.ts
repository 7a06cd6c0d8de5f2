import type { PeerId, PeerStore } from '@libp2p/interface'
import type { Contact } from '../core/contact.ts'
import type { RpcOutcome, RpcRequest } from '../core/message.ts'
import { type ContactBook, peerIdOfBytes } from './contacts.ts'

/** What it takes to name the peer that is asked for. */
export interface NamedPeerInit {
  readonly peerStore: PeerStore
  readonly contacts: ContactBook
  /** libp2p could not say what it knows of the peer; the answer goes out without it. */
  readonly onError: (error: unknown) => void
}

type Answer = (from: Contact, request: RpcRequest, reply: (outcome: RpcOutcome) => void) => void

/**
 * Adds to the answer to a FIND_NODE for a peer's id that very peer, before the closest, if libp2p knows where it is: also one
 * that is only a client, which stands in nobody's table and could not be found otherwise (IPFS Kademlia specification,
 * "Discovering non-DHT Servers").
 */
export function namingAnswer(init: NamedPeerInit, answer: Answer): Answer {
  return (from, request, reply) => {
    const sought = request.type === 'find-node' ? peerIdOfBytes(request.key) : undefined
    // Nobody is told of himself.
    if (sought === undefined || sought.toString() === from.id) {
      answer(from, request, reply)
      return
    }
    answer(from, request, (outcome) => {
      if (!outcome.ok || isNamed(outcome, sought)) reply(outcome)
      else void find(init, sought).then((contact) => reply(withPeer(outcome, contact)))
    })
  }
}

function isNamed(outcome: RpcOutcome, peerId: PeerId): boolean {
  if (!outcome.ok || !('closer' in outcome.response)) return false
  const id = peerId.toString()
  return (
    outcome.response.closer?.some((contact) => contact.id === id && contact.addresses.length > 0) ??
    false
  )
}

async function find(init: NamedPeerInit, peerId: PeerId): Promise<Contact | undefined> {
  try {
    const { addresses } = await init.peerStore.get(peerId)
    return init.contacts.contactOfPeer(
      peerId,
      addresses.map(({ multiaddr }) => multiaddr),
    )
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'NotFoundError') init.onError(error)
    return undefined
  }
}

/** One that has no address of the network's kind is of use to nobody. */
function withPeer(outcome: RpcOutcome, contact: Contact | undefined): RpcOutcome {
  if (contact === undefined || contact.addresses.length === 0) return outcome
  if (!outcome.ok || outcome.response.type !== 'find-node') return outcome
  const others = outcome.response.closer.filter(({ id }) => id !== contact.id)
  return { ok: true, response: { ...outcome.response, closer: [contact, ...others] } }
}
