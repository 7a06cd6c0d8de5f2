import { Contact } from '../core/contact.ts'
import { compareDistance, type Key, keyFromDigest } from '../core/key.ts'
import { ADDRESS_BYTES_MAX, ADDRESSES_PER_PEER_MAX, PEER_ID_BYTES_MAX } from '../core/limits.ts'
import type { Instant, Ports, StorageWrite } from '../core/ports.ts'
import type { ProviderStore } from '../core/provider-store.ts'
import type { RecordStore } from '../core/record-store.ts'
import type { Duty } from './maintenance.ts'

const UTF8 = new TextEncoder()

/** Where entries stand in the storage, by the first byte of their keys. */
const RECORDS = UTF8.encode('r/')
const CONTACTS = UTF8.encode('c/')

/** How many expired records one run of the sweep removes: the rest waits for the next, so that a sweep stays short. */
const SWEEP_MAX = 256

/** What outlives the process: the records, and the contacts to come back through. */
export class Persistence {
  readonly #ports: Ports
  readonly #self: Key
  readonly #records: RecordStore
  /** What stands in the storage. */
  #contacts: readonly Contact[] = []

  constructor(ports: Ports, self: Key, records: RecordStore) {
    this.#ports = ports
    this.#self = self
    this.#records = records
  }

  /** The contacts saved by the last run, nearest first; later those saved last. */
  get contacts(): readonly Contact[] {
    return this.#contacts
  }

  /** Reads everything; entries that are no longer valid are dropped from the storage. */
  async load(): Promise<{ records: number; dropped: number; contacts: number }> {
    const { storage, clock } = this.#ports
    const { loaded, dropped } = this.#records.load(await storage.load(RECORDS), clock.wallClock())
    if (dropped.length > 0) await this.#write(dropped)
    const saved = await storage.load(CONTACTS)
    const contacts = saved.flatMap(([, value]) => {
      const contact = decodeContact(value, this.#ports)
      return contact === undefined ? [] : [contact]
    })
    this.#contacts = contacts.sort((a, b) => compareDistance(this.#self, a.key, b.key))
    return { records: loaded, dropped: dropped.length, contacts: this.#contacts.length }
  }

  /**
   * Replaces the saved contacts; only what changed is written. An empty list keeps the old ones: a peer that lost its link
   * wants them back.
   */
  async saveContacts(contacts: readonly Contact[]): Promise<void> {
    if (contacts.length === 0) return this.#write([])
    const kept = new Set(contacts)
    const batch: StorageWrite[] = []
    for (const contact of this.#contacts) {
      if (!kept.delete(contact)) batch.push({ key: contactKey(contact), value: undefined })
    }
    // After the removals: a contact with new addresses is another object under the same key.
    for (const contact of kept) {
      batch.push({ key: contactKey(contact), value: encodeContact(contact) })
    }
    this.#contacts = contacts
    await this.#write(batch)
  }

  #write(batch: readonly StorageWrite[]): Promise<void> {
    return new Promise((resolve) => {
      this.#ports.storage.write(batch, (error) => {
        const { observer, clock } = this.#ports
        if (error !== undefined) {
          observer?.observe({ type: 'storage-failed', at: clock.now(), error })
        }
        resolve()
      })
    })
  }
}

/** How soon after a change the contacts are saved, while there are few of them and while there are many. ms. */
const SAVE_SOON_MS = 1_000
const SAVE_LATER_MS = 5 * 60_000

/** Saves the contacts after they have changed, so that a peer that is killed comes back without a bootstrap peer. */
export class SaveContactsDuty implements Duty {
  readonly name = 'save contacts'
  readonly #isFew: () => boolean
  readonly #save: () => Promise<void>
  #dueAt: Instant = Number.POSITIVE_INFINITY

  constructor(init: { isFew: () => boolean; save: () => Promise<void> }) {
    this.#isFew = init.isFew
    this.#save = init.save
  }

  /** A contact came or went. */
  changed(now: Instant): void {
    this.#dueAt = Math.min(this.#dueAt, now + (this.#isFew() ? SAVE_SOON_MS : SAVE_LATER_MS))
  }

  nextDueAt(_now: Instant): Instant {
    return this.#dueAt
  }

  run(_now: Instant): Promise<void> {
    this.#dueAt = Number.POSITIVE_INFINITY
    return this.#save()
  }
}

/** Removes records and providers whose life has ended, at the time the stores name. */
export class ExpiryDuty implements Duty {
  readonly name = 'expiry'
  readonly #ports: Ports
  readonly #records: RecordStore
  readonly #providers: ProviderStore

  constructor(ports: Ports, records: RecordStore, providers: ProviderStore) {
    this.#ports = ports
    this.#records = records
    this.#providers = providers
  }

  nextDueAt(now: Instant): Instant {
    const expiresAt = Math.min(
      this.#records.nextExpiryAt() ?? Number.POSITIVE_INFINITY,
      this.#providers.nextExpiryAt() ?? Number.POSITIVE_INFINITY,
    )
    return now + Math.max(0, expiresAt - this.#ports.clock.wallClock())
  }

  run(now: Instant): Promise<void> {
    const { clock, observer, storage } = this.#ports
    this.#providers.sweep(clock.wallClock())
    const { removed, write } = this.#records.sweep(clock.wallClock(), SWEEP_MAX)
    for (const { record } of removed) {
      observer?.observe({ type: 'record-removed', at: now, key: record.key, reason: 'expired' })
    }
    if (write.length === 0) return Promise.resolve()
    return new Promise((resolve) => {
      storage.write(write, (error) => {
        if (error !== undefined) observer?.observe({ type: 'storage-failed', at: now, error })
        resolve()
      })
    })
  }
}

function contactKey({ key: ownKey }: Contact): Uint8Array {
  const key = new Uint8Array(CONTACTS.length + ownKey.length)
  key.set(CONTACTS)
  key.set(ownKey, CONTACTS.length)
  return key
}

/** id text, id bytes and addresses, each behind its length in two bytes. */
function encodeContact(contact: Contact): Uint8Array {
  const parts = [UTF8.encode(contact.id), contact.idBytes, ...contact.addresses]
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + 2 + part.length, 0))
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const part of parts) {
    view.setUint16(at, part.length)
    bytes.set(part, at + 2)
    at += 2 + part.length
  }
  return bytes
}

function decodeContact(bytes: Uint8Array, ports: Ports): Contact | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const parts: Uint8Array[] = []
  for (let at = 0; at + 2 <= bytes.length; ) {
    const length = view.getUint16(at)
    if (at + 2 + length > bytes.length) return undefined
    parts.push(bytes.slice(at + 2, at + 2 + length))
    at += 2 + length
  }
  const [id, idBytes, ...addresses] = parts
  if (id === undefined || idBytes === undefined || idBytes.length > PEER_ID_BYTES_MAX)
    return undefined
  return new Contact({
    id: new TextDecoder().decode(id),
    idBytes,
    key: keyFromDigest(ports.hash(idBytes)),
    addresses: addresses
      .filter((address) => address.length <= ADDRESS_BYTES_MAX)
      .slice(0, ADDRESSES_PER_PEER_MAX),
  })
}
