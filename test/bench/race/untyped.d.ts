/** What the race uses of packages that come without types. */

declare module 'hyperdht' {
  import type { Buffer } from 'node:buffer'

  interface KeyPair {
    readonly publicKey: Buffer
    readonly secretKey: Buffer
  }

  interface Query {
    readonly closestNodes: { port: number }[]
    finished(): Promise<void>
  }

  class HyperDht {
    static keyPair(): KeyPair
    readonly table: { readonly id: Buffer; toArray(): unknown[] }
    readonly stats: { readonly requests: { readonly total: number } }
    address(): { host: string; port: number }
    findNode(target: Buffer): Query
    immutablePut(value: Buffer): Promise<{ hash: Buffer; closestNodes: { port: number }[] }>
    immutableGet(hash: Buffer): Promise<{ value: Buffer } | null>
    mutablePut(
      keyPair: KeyPair,
      value: Buffer,
    ): Promise<{ publicKey: Buffer; closestNodes: { port: number }[] }>
    mutableGet(publicKey: Buffer): Promise<{ value: Buffer } | null>
  }

  export = HyperDht
}

declare module 'hyperdht/testnet.js' {
  import type HyperDht from 'hyperdht'

  function createTestnet(
    size: number,
  ): Promise<{ readonly nodes: HyperDht[]; destroy(): Promise<void> }>

  export = createTestnet
}

declare module 'bittorrent-dht' {
  import type { Buffer } from 'node:buffer'
  import type { EventEmitter } from 'node:events'

  class Client extends EventEmitter {
    constructor(options: {
      bootstrap: readonly string[] | false
      host: string
      maxValues: number
    })
    readonly nodeId: Buffer
    readonly nodes: { toArray(): unknown[] }
    address(): { port: number }
    listen(port: number, address: string): void
    put(
      value: { v: Buffer },
      done: (error: Error | null, key: Buffer, count: number) => void,
    ): Buffer
    get(key: Buffer, done: (error: Error | null, found: { v: Buffer } | null) => void): void
    lookup(infoHash: Buffer, done: (error: Error | null, answered: number) => void): () => void
    destroy(done: () => void): void
  }

  export { Client }
}
