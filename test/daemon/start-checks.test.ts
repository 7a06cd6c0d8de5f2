import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { Peer } from '../../src/daemon/peer.ts'
import { checkAddresses } from '../../src/daemon/start-checks.ts'

describe('an address that a peer is to listen at', () => {
  it.each([
    '/ip4/127.0.0.1/tcp/0',
    '/ip4/0.0.0.0/tcp/4701',
    '/ip6/::/tcp/4701',
    '/ip6zone/eth0/ip6/fe80::1/tcp/4701',
    '/dns4/localhost/tcp/4701',
  ])('may be %s', (address) => {
    expect(() => checkAddresses([address], [])).not.toThrow()
  })

  it.each(['/ip4/127.0.0.1', '/ip4/127.0.0.1/udp/4701', '/ip4/127.0.0.1/tcp/4701/ws', '/tcp/1'])(
    'is refused when no transport takes it, whatever other there is: %s',
    (address) => {
      expect(() => checkAddresses(['/ip4/127.0.0.1/tcp/0', address], [])).toThrow(
        `cannot listen at ${address}: a peer listens at TCP only`,
      )
    },
  )

  it('is named when it is taken, in one line that says what to do', async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => {
      taken.listen(0, '127.0.0.1', resolve)
    })
    const place = taken.address()
    const port = typeof place === 'object' && place !== null ? place.port : 0
    const listen = ['/ip4/127.0.0.1/tcp/0', `/ip4/127.0.0.1/tcp/${port}`]
    await expect(Peer.start({ listen, bootstrap: [] })).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: `cannot listen at ${listen[1]}: another program listens there; choose another address with --listen`,
    })
    taken.close()
  })
})

describe('a bootstrap address', () => {
  it('is refused without the id of its peer, unless a name will tell it', () => {
    expect(() => checkAddresses([], ['/dnsaddr/bootstrap.example.org'])).not.toThrow()
    expect(() => checkAddresses([], ['/ip4/127.0.0.1/tcp/4701'])).toThrow('has no peer id')
    expect(() => checkAddresses([], ['example.org'])).toThrow('is no multiaddr')
  })
})
