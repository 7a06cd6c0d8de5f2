import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where it is noted which generated code was made from which .proto files. */
export const NOTES = 'src/api/gen/fingerprints.json'

/** SHA-256 of each .proto file, of how the generator is told to work, and of each file that it made, by path. */
export function generatedFingerprints(root: string): Record<string, string> {
  const files = [...filesIn('src/api/proto'), ...filesIn('src/api/gen'), BUF_OPTIONS]
  return Object.fromEntries(
    files
      .filter((path) => path !== NOTES)
      .sort()
      .map((path) => [path, fingerprint(path)]),
  )

  function filesIn(folder: string): string[] {
    return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
  }

  function fingerprint(path: string): string {
    // A checkout with other line ends is no other file.
    const text = readFileSync(join(root, path), 'utf8').replaceAll('\r\n', '\n')
    return createHash('sha256').update(text).digest('hex')
  }
}

const BUF_OPTIONS = 'src/api/generate/buf.gen.yaml'
