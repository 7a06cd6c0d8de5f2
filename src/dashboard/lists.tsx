import type { JSX } from 'preact'
import type { HeldRecord, Peer } from '../api/gen/kadmium/v1/kadmium_pb.ts'
import { duration, shortId, size, timeLeft, whole } from './format.ts'
import { type Focus, type Held, isSameFocus, type View } from './model.ts'

interface ListProps {
  readonly focus: Focus | undefined
  readonly onFocus: (focus: Focus | undefined) => void
}

/** The contacts as a list, of one bucket if one is chosen. */
export function ContactList(
  props: ListProps & { readonly view: View | undefined; readonly bucket: number | undefined },
): JSX.Element {
  const { view, bucket, focus, onFocus } = props
  const all = view?.contacts ?? []
  const contacts = all.filter((peer) => bucket === undefined || peer.prefixLength === bucket)
  const which = bucket === undefined ? '' : ` of bucket ${bucket}`
  return (
    <section class="contact-list" aria-labelledby="contacts-title">
      <h2 id="contacts-title">
        Contacts{which} <span class="count">{whole(contacts.length)}</span>
      </h2>
      {contacts.length === 0 ? (
        <p class="empty">No contacts.</p>
      ) : (
        <Scroll
          label={`Contacts${which}`}
          heads={['Peer', 'Bucket', 'Heard of', 'Link', 'Address']}
        >
          {contacts.map((peer) => (
            <Row key={peer.id} mine={{ type: 'peer', id: peer.id }} focus={focus} onFocus={onFocus}>
              <td>
                <code title={peer.id}>{shortId(peer.id)}</code>
              </td>
              <td class="number">{peer.prefixLength}</td>
              <td class="number">{duration(peer.lastSeenMs)} ago</td>
              <td class={peer.failures > 0 ? 'ill' : ''}>{linkOf(peer)}</td>
              <td class="long">
                <code title={peer.addresses.join('\n')}>{addressOf(peer)}</code>
              </td>
            </Row>
          ))}
        </Scroll>
      )}
    </section>
  )
}

/** The records that this peer holds, as a list. */
export function RecordList(props: ListProps & { readonly held: Held | undefined }): JSX.Element {
  const { held, focus, onFocus } = props
  const records = held?.records ?? []
  const total = held?.total ?? 0
  const shown =
    records.length < total ? `${whole(records.length)} of ${whole(total)}` : whole(total)
  return (
    <section aria-labelledby="records-title">
      <h2 id="records-title">
        Records held <span class="count">{shown}</span>
      </h2>
      {records.length === 0 ? (
        <p class="empty">This peer holds no records.</p>
      ) : (
        <Scroll label="Records held" heads={['Key', 'Why', 'Size', 'Life']}>
          {records.map((record) => (
            <Row
              key={record.key}
              mine={{ type: 'record', key: record.key }}
              focus={focus}
              onFocus={onFocus}
            >
              <td class="long">
                <code title={record.key}>{record.key}</code>
              </td>
              <td>{record.deleted ? 'tombstone' : whyOf(record)}</td>
              <td class="number">{size(record.valueBytes)}</td>
              <td class="number">{timeLeft(Number(record.expiresAtMs))}</td>
            </Row>
          ))}
        </Scroll>
      )}
    </section>
  )
}

function Scroll(props: {
  readonly label: string
  readonly heads: readonly string[]
  readonly children: JSX.Element[]
}): JSX.Element {
  const { label, heads, children } = props
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
    <section class="scroll" tabIndex={0} aria-label={label}>
      <table>
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col" class={NUMBERS.has(head) ? 'number' : ''}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  )
}

const NUMBERS = new Set(['Bucket', 'Heard of', 'Size', 'Life'])

function Row(
  props: ListProps & {
    readonly mine: Focus
    readonly children: JSX.Element[]
  },
): JSX.Element {
  const { mine, focus, onFocus, children } = props
  return (
    <tr
      class={isSameFocus(mine, focus) ? 'focused' : ''}
      onPointerEnter={() => onFocus(mine)}
      onPointerLeave={() => onFocus(undefined)}
    >
      {children}
    </tr>
  )
}

function linkOf({ failures, connected }: Peer): string {
  if (failures > 0) return `${failures} failed`
  return connected ? 'connected' : '–'
}

/** Where it was heard of first, without its id, which stands in front. */
function addressOf({ addresses }: Peer): string {
  const [first] = addresses
  return first === undefined ? '–' : first.replace(/\/p2p\/[^/]+$/, '')
}

function whyOf({ origin }: HeldRecord): string {
  if (origin === 'owner') return 'own'
  return origin
}
