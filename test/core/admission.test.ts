import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ipGroupOfAddress, ipGroupsOf, isInIpGroup } from '../../src/core/admission.ts'
import { ip4Address, ip6Address, tinyContact } from '../support/tiny.ts'

describe('the IP group of an address', () => {
  it('is the first 16 bits of a public IPv4 address', () => {
    expect(ipGroupOfAddress(ip4Address(8, 8, 1, 1))).toBe(
      ipGroupOfAddress(ip4Address(8, 8, 200, 9)),
    )
    expect(ipGroupOfAddress(ip4Address(8, 8, 1, 1))).not.toBe(
      ipGroupOfAddress(ip4Address(8, 9, 1, 1)),
    )
  })

  it('is the first 8 bits in the blocks that are one organisation’s', () => {
    for (const block of [12, 17, 19, 38, 48, 53, 56, 73]) {
      const group = ipGroupOfAddress(ip4Address(block, 0, 0, 1))
      expect(ipGroupOfAddress(ip4Address(block, 200, 1, 1))).toBe(group)
      expect(ipGroupOfAddress(ip4Address(block + 1, 0, 0, 1))).not.toBe(group)
    }
  })

  it('is the first 32 bits of a public IPv6 address', () => {
    const group = ipGroupOfAddress(ip6Address(0x2001, 0x4860, 1, 2))
    expect(group).toBe(ipGroupOfAddress(ip6Address(0x2001, 0x4860, 0xffff, 9)))
    expect(group).not.toBe(ipGroupOfAddress(ip6Address(0x2001, 0x4861, 1, 2)))
    expect(group).not.toBe(ipGroupOfAddress(ip6Address(0x2002, 0x4860, 1, 2)))
  })

  it('tells all IPv4 /16 and IPv6 /32 apart', () => {
    const groups = new Set<number | undefined>()
    for (let i = 0; i < 256; i++) {
      groups.add(ipGroupOfAddress(ip4Address(1, i, 0, 0)))
      groups.add(ipGroupOfAddress(ip6Address(0x2a00, i)))
      groups.add(ipGroupOfAddress(ip6Address(0x2000 + i + 3, 0)))
    }
    expect(groups.size).toBe(3 * 256)
  })

  it('is the one of the IPv4 address that an IPv6 address stands for', () => {
    const group = ipGroupOfAddress(ip4Address(8, 8, 0, 0))
    expect(ipGroupOfAddress(ip6Address(0, 0, 0, 0, 0, 0xffff, 0x0808, 0x0101))).toBe(group)
    expect(ipGroupOfAddress(ip6Address(0x64, 0xff9b, 0, 0, 0, 0, 0x0808, 0x0101))).toBe(group)
    expect(ipGroupOfAddress(ip6Address(0, 0, 0, 0, 0, 0xffff, 0x7f00, 1))).toBeUndefined()
  })

  it.each([
    ['127.0.0.1', ip4Address(127, 0, 0, 1)],
    ['10.255.0.1', ip4Address(10, 255, 0, 1)],
    ['172.16.0.1', ip4Address(172, 16, 0, 1)],
    ['172.31.255.255', ip4Address(172, 31, 255, 255)],
    ['192.168.1.1', ip4Address(192, 168, 1, 1)],
    ['169.254.1.1', ip4Address(169, 254, 1, 1)],
    ['100.64.0.1', ip4Address(100, 64, 0, 1)],
    ['100.127.255.255', ip4Address(100, 127, 255, 255)],
    ['::1', ip6Address(0, 0, 0, 0, 0, 0, 0, 1)],
    ['fc00::1', ip6Address(0xfc00, 0, 0, 0, 0, 0, 0, 1)],
    ['fdff::1', ip6Address(0xfdff, 0, 0, 0, 0, 0, 0, 1)],
    ['fe80::1', ip6Address(0xfe80, 0, 0, 0, 0, 0, 0, 1)],
    ['febf::1', ip6Address(0xfebf, 0, 0, 0, 0, 0, 0, 1)],
  ])('does not exist for %s, which means nothing beyond a host or site', (_, address) => {
    expect(ipGroupOfAddress(address)).toBeUndefined()
  })

  it.each([
    ['172.15.0.1', ip4Address(172, 15, 0, 1)],
    ['172.32.0.1', ip4Address(172, 32, 0, 1)],
    ['192.167.0.1', ip4Address(192, 167, 0, 1)],
    ['169.253.0.1', ip4Address(169, 253, 0, 1)],
    ['100.63.0.1', ip4Address(100, 63, 0, 1)],
    ['100.128.0.1', ip4Address(100, 128, 0, 1)],
    ['128.0.0.1', ip4Address(128, 0, 0, 1)],
    ['::2', ip6Address(0, 0, 0, 0, 0, 0, 0, 2)],
    ['fe00::1', ip6Address(0xfe00, 0, 0, 0, 0, 0, 0, 1)],
    ['fec0::1', ip6Address(0xfec0, 0, 0, 0, 0, 0, 0, 1)],
  ])('exists for %s, just outside an exempt range', (_, address) => {
    expect(ipGroupOfAddress(address)).toBeDefined()
  })

  it('does not exist for a name, nor for an address that is cut short', () => {
    const dns4 = Uint8Array.from([54, 3, ...Buffer.from('a.b'), 6, 15, 161])
    expect(ipGroupOfAddress(dns4)).toBeUndefined()
    expect(ipGroupOfAddress(Uint8Array.of())).toBeUndefined()
    expect(ipGroupOfAddress(ip4Address(8, 8, 8, 8).slice(0, 4))).toBeUndefined()
    expect(ipGroupOfAddress(ip6Address(0x2001, 0x4860).slice(0, 16))).toBeUndefined()
  })

  it('never throws, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.constantFrom(4, 41, 42, 0), fc.uint8Array(), (code, rest) => {
        const group = ipGroupOfAddress(Uint8Array.from([code, ...rest]))
        expect(group === undefined || Number.isSafeInteger(group)).toBe(true)
      }),
    )
  })
})

describe('the IP groups of a contact', () => {
  it('are those of all its addresses, each once', () => {
    const contact = tinyContact(1, {
      addresses: [
        ip4Address(8, 8, 1, 1),
        ip4Address(8, 8, 2, 2),
        ip4Address(10, 0, 0, 1),
        ip6Address(0x2001, 0x4860),
        ip4Address(9, 9, 9, 9),
      ],
    })
    const groups = ipGroupsOf(contact)
    expect(groups).toHaveLength(3)
    for (const group of groups) expect(isInIpGroup(contact, group)).toBe(true)
    expect(isInIpGroup(contact, 0x0807)).toBe(false)
  })

  it('are none for a contact with private addresses or no address', () => {
    expect(ipGroupsOf(tinyContact(1))).toEqual([])
    expect(ipGroupsOf(tinyContact(1, { addresses: [] }))).toEqual([])
  })
})
