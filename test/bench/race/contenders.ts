import type { Contender } from './contender.ts'

/** The names, in the order in which they run. */
export const CONTENDERS = ['kadmium', 'kad-dht', 'hyperdht', 'bittorrent-dht'] as const

export type ContenderName = (typeof CONTENDERS)[number]

/** The packages as npm knows them; the project itself is not one of its dependencies. */
export const PACKAGES: Readonly<Record<ContenderName, string>> = {
  kadmium: 'kadmium',
  'kad-dht': '@libp2p/kad-dht',
  hyperdht: 'hyperdht',
  'bittorrent-dht': 'bittorrent-dht',
}

/** Loads one contender and nothing of the others. */
export async function loadContender(name: ContenderName): Promise<Contender> {
  switch (name) {
    case 'kadmium':
      return (await import('./kadmium.ts')).kadmiumContender
    case 'kad-dht':
      return (await import('./kad-dht.ts')).kadDhtContender
    case 'hyperdht':
      return (await import('./hyperdht.ts')).hyperdhtContender
    case 'bittorrent-dht':
      return (await import('./bittorrent-dht.ts')).bittorrentContender
  }
}
