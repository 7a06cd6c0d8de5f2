import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { generatedFingerprints, NOTES } from '../../src/api/generate/fingerprints.ts'

/** A declaration in a .proto file, on a line of its own. */
const DECLARATION =
  /^\s*((message|enum|service|rpc)\s|((optional|repeated)\s)?\S+( \S+)?\s\w+ = \d+;)/

const root = resolve(import.meta.dirname, '../..')

describe('the generated code (npm run generate makes it anew)', () => {
  it('was made from the .proto files as they stand, and was not touched since', () => {
    const noted: unknown = JSON.parse(readFileSync(resolve(root, NOTES), 'utf8'))
    expect(generatedFingerprints(root)).toEqual(noted)
  })

  it('was made by the generator that is installed', () => {
    const manifest = 'node_modules/@bufbuild/protoc-gen-es/package.json'
    const { version } = JSON.parse(readFileSync(resolve(root, manifest), 'utf8')) as {
      version: string
    }
    const code = Object.keys(generatedFingerprints(root)).filter((path) => path.endsWith('_pb.ts'))
    expect(code.length).toBeGreaterThan(1)
    for (const path of code) {
      const [header] = readFileSync(resolve(root, path), 'utf8').split('\n', 1)
      expect(header).toContain(`protoc-gen-es v${version} `)
    }
  })
})

describe('the .proto files', () => {
  it('say of every message, field, call and service what it is', () => {
    const protos = Object.keys(generatedFingerprints(root)).filter((path) =>
      path.endsWith('.proto'),
    )
    const unsaid = protos.flatMap((path) => {
      const lines = readFileSync(resolve(root, path), 'utf8').split('\n')
      const isSaid = (i: number): boolean => lines[i - 1]?.trim().startsWith('//') === true
      return lines.filter((line, i) => DECLARATION.test(line) && !isSaid(i))
    })
    expect(protos).toContain('src/api/proto/kadmium/v1/kadmium.proto')
    expect(unsaid).toEqual([])
  })
})
