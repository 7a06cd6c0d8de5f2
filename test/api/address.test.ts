import { describe, expect, it } from 'vitest'
import { apiAddressToText, isLoopback, parseApiAddress } from '../../src/api/address.ts'

describe('an API address', () => {
  it.each([
    ['./kad.sock', { type: 'unix', path: './kad.sock' }],
    ['/run/kad.sock', { type: 'unix', path: '/run/kad.sock' }],
    ['unix:kad.sock', { type: 'unix', path: 'kad.sock' }],
    ['127.0.0.1:4780', { type: 'tcp', host: '127.0.0.1', port: 4780 }],
    ['localhost:0', { type: 'tcp', host: 'localhost', port: 0 }],
    ['[::1]:4780', { type: 'tcp', host: '::1', port: 4780 }],
    ['http://127.0.0.1:4780/', { type: 'tcp', host: '127.0.0.1', port: 4780 }],
  ])('is read from %s', (text, address) => {
    expect(parseApiAddress(text)).toEqual(address)
  })

  it.each(['', 'kad', '4780', 'localhost:65536', 'https://localhost:4780', '::1:4780'])(
    'is not read from %j, and the error says what to give',
    (text) => {
      expect(() => parseApiAddress(text)).toThrow(/is no API address: give a path .* or host:port/)
    },
  )

  it.each(['kad/kad.sock', '127.0.0.1:4780', '[::1]:4780'])(
    'is written as it was read: %s',
    (text) => {
      expect(apiAddressToText(parseApiAddress(text))).toBe(text)
    },
  )

  it.each([
    ['./kad.sock', true],
    ['localhost:1', true],
    ['127.8.9.1:1', true],
    ['[::1]:1', true],
    ['0.0.0.0:1', false],
    ['[::]:1', false],
    ['192.168.0.1:1', false],
    ['localhost.example:1', false],
    ['127.example.org:1', false],
  ])('%s is for this machine only: %s', (text, expected) => {
    expect(isLoopback(parseApiAddress(text))).toBe(expected)
  })
})
