import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Waiting } from '../../src/cli/waiting.ts'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

describe('a command that takes long', () => {
  it('says nothing for two seconds, then what it waits for, and takes it away at the end', () => {
    const { terminal, said } = terminalOf(true)
    const waiting = new Waiting('joining the network', terminal)
    vi.advanceTimersByTime(1_900)
    expect(said()).toBe('')
    vi.advanceTimersByTime(1_200)
    expect(said()).toContain('joining the network … 3 s')
    waiting.end()
    expect(said().endsWith('\r\u001b[K')).toBe(true)
    const before = said()
    vi.advanceTimersByTime(10_000)
    expect(said()).toBe(before)
  })

  it('writes nothing to what is no terminal, and nothing if it was quick', () => {
    const file = terminalOf(false)
    const waiting = new Waiting('joining', file.terminal)
    vi.advanceTimersByTime(10_000)
    waiting.end()
    expect(file.said()).toBe('')
    const quick = terminalOf(true)
    new Waiting('joining', quick.terminal).end()
    vi.advanceTimersByTime(10_000)
    expect(quick.said()).toBe('')
  })
})

function terminalOf(isTTY: boolean): {
  terminal: { isTTY: boolean; write: (text: string) => void }
  said: () => string
} {
  let said = ''
  const write = (text: string): void => {
    said += text
  }
  return { terminal: { isTTY, write }, said: () => said }
}
