import type { Contact } from '../core/contact.ts'
import { bytesEqual } from '../core/key.ts'
import type { RpcOutcome, RpcRequest } from '../core/message.ts'
import { encodePeer } from '../wire/peer-codec.ts'
import { recordSize } from '../wire/record-codec.ts'

/** What a message holds besides its record and its peers: type, tags, lengths, a refusal. Bytes. */
const FIXED_BYTES = 512

/** Tag and length of one peer. Bytes. */
const PEER_HEAD_BYTES = 4

/**
 * An answer of at most so many bytes: the farthest contacts are left out first, then providers. For networks with peers that
 * give up a stream over a longer message, such as rust-libp2p's at 16 KiB. Contacts without addresses are left out as well:
 * in a network that hides some kinds of addresses they are of use to nobody.
 */
export function fitAnswer(outcome: RpcOutcome, bytesMax: number): RpcOutcome {
  if (!outcome.ok) return outcome
  const { response } = outcome
  let room = bytesMax - FIXED_BYTES
  switch (response.type) {
    case 'find-node':
      return { ok: true, response: { ...response, closer: fitting(reachable(response), room) } }
    case 'get-value': {
      if (response.record !== undefined) room -= recordSize(response.record, TIME_RECEIVED)
      return { ok: true, response: { ...response, closer: fitting(reachable(response), room) } }
    }
    case 'get-providers': {
      // Some contacts are worth more than the last providers: these get no more than half.
      const providers = fitting(response.providers, room / 2)
      const closer = fitting(reachable(response), room - sizeOf(providers))
      return { ok: true, response: { ...response, providers, closer } }
    }
    default:
      return outcome // bare, or an echo of what the asker has sent
  }
}

/**
 * An answer that names at most so many contacts, besides the very peer that was asked for: other implementations expect k,
 * whatever peers of our kind tell one another.
 */
export function trimCloser(
  request: RpcRequest,
  outcome: RpcOutcome,
  contactsMax: number,
): RpcOutcome {
  if (!outcome.ok || !('closer' in outcome.response)) return outcome
  const { closer } = outcome.response
  if (closer === undefined || closer.length <= contactsMax) return outcome
  const [first] = closer
  const isNamed =
    request.type === 'find-node' && first !== undefined && bytesEqual(first.idBytes, request.key)
  const kept = closer.slice(0, contactsMax + Number(isNamed))
  return { ok: true, response: { ...outcome.response, closer: kept } }
}

/** As long as any text of a time. */
const TIME_RECEIVED = '2026-01-01T00:00:00.000000000Z'

function reachable({ closer }: { readonly closer: readonly Contact[] }): readonly Contact[] {
  return closer.filter(({ addresses }) => addresses.length > 0)
}

/** As many of the first contacts as there is room for. */
function fitting(contacts: readonly Contact[], room: number): readonly Contact[] {
  let left = room
  const end = contacts.findIndex((contact) => {
    left -= sizeOf([contact])
    return left < 0
  })
  return end === -1 ? contacts : contacts.slice(0, end)
}

function sizeOf(contacts: readonly Contact[]): number {
  return contacts.reduce((size, contact) => size + encodePeer(contact).length + PEER_HEAD_BYTES, 0)
}
