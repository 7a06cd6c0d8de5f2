import type { Contact } from '../core/contact.ts'
import { compareDistance, type Key } from '../core/key.ts'
import type { Instant, Ports, StorageWrite } from '../core/ports.ts'
import type { ProviderStore } from '../core/provider-store.ts'
import type { Publications } from '../core/publications.ts'
import type { RecordStore } from '../core/record-store.ts'
import { decodeStoredContact, encodeStoredContact } from '../core/stored-contact-codec.ts'
import { PROVIDER_STORAGE_PREFIX } from '../core/stored-provider-codec.ts'
import { RECORD_STORAGE_PREFIX } from '../core/stored-record-codec.ts'
import type { Duty } from './maintenance.ts'
import { pagesOf } from './storage-pages.ts'

/** Storage keys of saved contacts. */
const CONTACTS = new TextEncoder().encode('c/')

/** How many expired records, and providers, one run of the sweep removes: the rest waits for the next, so that it stays short. */
const SWEEP_MAX = 256

/** What was read at the start. */
export interface Loaded {
  readonly records: number
  readonly providers: number
  /** Entries that were malformed, invalid, over or beyond the bounds, and are deleted. */
  readonly dropped: number
  readonly contacts: number
}

/** What outlives the process: the records, who provides what, and the contacts to come back through. */
export class Persistence {
  readonly #ports: Ports
  readonly #self: Key
  readonly #records: RecordStore
  readonly #providers: ProviderStore
  /** What stands in the storage. */
  #contacts: readonly Contact[] = []

  constructor(ports: Ports, self: Key, records: RecordStore, providers: ProviderStore) {
    this.#ports = ports
    this.#self = self
    this.#records = records
    this.#providers = providers
  }

  /** The contacts saved by the last run, nearest first; later those saved last. */
  get contacts(): readonly Contact[] {
    return this.#contacts
  }

  /** Reads everything, a page at a time; entries that are no longer valid are deleted from the storage. */
  async load(): Promise<Loaded> {
    const { storage, clock, hash } = this.#ports
    let dropped = 0
    const drop = async (batch: readonly StorageWrite[]): Promise<void> => {
      dropped += batch.length
      if (batch.length > 0) await this.#write(batch)
    }
    for await (const page of pagesOf(storage, RECORD_STORAGE_PREFIX)) {
      await drop(this.#records.load(page, clock.wallClock()).dropped)
    }
    for await (const page of pagesOf(storage, PROVIDER_STORAGE_PREFIX)) {
      await drop(this.#providers.load(page, clock.wallClock(), hash))
    }
    const saved = await storage.load(CONTACTS)
    const contacts = saved.flatMap(([, value]) => decodeStoredContact(value, hash) ?? [])
    this.#contacts = contacts.sort((a, b) => compareDistance(this.#self, a.key, b.key))
    return {
      records: this.#records.size,
      providers: this.#providers.providers,
      dropped,
      contacts: this.#contacts.length,
    }
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
      batch.push({ key: contactKey(contact), value: encodeStoredContact(contact) })
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
const SAVE_SOON_MS = 100
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

/** Removes records and providers whose life has ended, at the time the stores name; and what was published of them. */
export class ExpiryDuty implements Duty {
  readonly name = 'expiry'
  readonly #ports: Ports
  readonly #records: RecordStore
  readonly #providers: ProviderStore
  readonly #publications: Publications

  constructor(
    ports: Ports,
    stores: { records: RecordStore; providers: ProviderStore; publications: Publications },
  ) {
    this.#ports = ports
    this.#records = stores.records
    this.#providers = stores.providers
    this.#publications = stores.publications
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
    const { removed, write } = this.#records.sweep(clock.wallClock(), SWEEP_MAX)
    write.push(...this.#providers.sweep(clock.wallClock(), SWEEP_MAX))
    for (const { record } of removed) {
      write.push(...this.#publications.remove('value', record.key)) // nothing is left to publish
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
