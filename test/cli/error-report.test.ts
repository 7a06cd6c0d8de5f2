import { afterEach, describe, expect, it, vi } from 'vitest'
import { InterruptedError } from '../../src/cli/command.ts'
import { errorReport } from '../../src/cli/error-report.ts'
import { KadmiumError } from '../../src/core/errors.ts'

const ours = new KadmiumError('ERR_QUORUM', 'stored at 2 of 20 peers', { details: { stored: 2 } })
const theirs = Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' })

afterEach(() => {
  vi.unstubAllEnvs()
})

describe('the report of an error', () => {
  it('is a line for people', () => {
    expect(errorReport(ours, false)).toEqual({ text: 'kad: stored at 2 of 20 peers', exitCode: 5 })
    expect(errorReport(theirs, false)).toEqual({
      text: 'kad: EMFILE: too many open files',
      exitCode: 1,
    })
    expect(errorReport('a string', false)).toEqual({ text: 'kad: a string', exitCode: 1 })
  })

  it.each([
    [ours, { code: 'ERR_QUORUM', message: 'stored at 2 of 20 peers', details: { stored: 2 } }],
    [theirs, { code: 'EMFILE', message: 'EMFILE: too many open files', details: {} }],
    [new Error('what?'), { code: 'ERR_UNEXPECTED', message: 'what?', details: {} }],
    ['a string', { code: 'ERR_UNEXPECTED', message: 'a string', details: {} }],
  ])('is one JSON document for programs, whatever the error: %s', (error, document) => {
    expect(JSON.parse(errorReport(error, true).text ?? '')).toEqual({ error: document })
  })

  it('tells where an unexpected error came from if that is asked for', () => {
    vi.stubEnv('KADMIUM_DEBUG', '1')
    expect(errorReport(theirs, false).text).toMatch(/^kad: EMFILE.*\n.*\n +at .*error-report.test/)
    expect(JSON.parse(errorReport(theirs, true).text ?? '')).toMatchObject({
      error: { details: { stack: theirs.stack } },
    })
    expect(errorReport(ours, false).text).toBe('kad: stored at 2 of 20 peers')
  })

  it('says nothing after Ctrl-C', () => {
    expect(errorReport(new InterruptedError(), true)).toEqual({ text: undefined, exitCode: 130 })
  })
})
