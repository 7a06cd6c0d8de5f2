/** Bytes of a slab. As Node's own pool has it, so that a message takes no memory of its own from the system. */
const SLAB_BYTES = 64 * 1_024

/** Above this, bytes get memory of their own: they would waste too much of a slab. */
const TRANSIENT_BYTES_MAX = SLAB_BYTES / 4

let slab = new ArrayBuffer(SLAB_BYTES)
let used = 0

/**
 * Room for a message on its way, not cleared: for what is done with soon and was never handed out to be kept.
 *
 * Not `Buffer.allocUnsafe`: its slabs are shared with all that libp2p keeps of a connection, the peer's id and its address
 * among them, and one such view keeps 64 KiB alive. With messages between them each connection would keep a slab of its own.
 */
export function transientBytes(length: number): Buffer {
  if (length > TRANSIENT_BYTES_MAX) return Buffer.allocUnsafeSlow(length)
  if (used + length > SLAB_BYTES) {
    slab = new ArrayBuffer(SLAB_BYTES)
    used = 0
  }
  const bytes = Buffer.from(slab, used, length)
  used += length
  return bytes
}
