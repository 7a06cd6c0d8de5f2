import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '../..')

/** What npm says of a package that it made. */
interface Packed {
  readonly filename: string
  readonly size: number
  readonly unpackedSize: number
  readonly files: readonly { readonly path: string }[]
}

/**
 * A project of somebody else, empty but for the package as npm packs it. Nothing comes over the network: the tarball is
 * unpacked as npm would, and beside it stand links to the packages that its manifest names, and to no others. What it uses and
 * does not name is missing, as it would be there.
 */
export class InstalledPackage {
  /** The project's folder. */
  readonly folder: string
  readonly packed: Packed

  private constructor(folder: string, packed: Packed) {
    this.folder = folder
    this.packed = packed
  }

  /** Packs what stands in dist/, and installs it. */
  static async create(): Promise<InstalledPackage> {
    const folder = await mkdtemp(join(tmpdir(), 'kadmium-package-'))
    const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]
    const { stdout } = await run('npm', pack, { cwd: root, maxBuffer: 64 << 20 })
    const [packed] = JSON.parse(stdout) as Packed[] // as npm documents
    if (packed === undefined) throw new Error(`npm packed nothing: ${stdout}`)
    const home = join(folder, 'node_modules/kadmium')
    await mkdir(home, { recursive: true })
    await run('tar', ['-xzf', join(folder, packed.filename), '-C', home, '--strip-components=1'])
    const manifest = JSON.parse(await readFile(join(home, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>
    }
    const installed = new InstalledPackage(folder, packed)
    for (const name of [...Object.keys(manifest.dependencies), '@types/node']) {
      await installed.link(name)
    }
    await writeFile(join(folder, 'package.json'), '{ "type": "module", "private": true }\n')
    return installed
  }

  /** Gives the project a further package of those that this repository has. */
  async link(name: string): Promise<void> {
    const link = join(this.folder, 'node_modules', name)
    await mkdir(dirname(link), { recursive: true })
    await symlink(join(root, 'node_modules', name), link, 'junction')
  }

  /** Copies a file of this repository into the project. */
  async add(path: string): Promise<string> {
    const target = join(this.folder, path.split('/').at(-1) ?? path)
    await cp(join(root, path), target)
    return target
  }

  /** Writes a file of the project. */
  async write(name: string, text: string): Promise<string> {
    const target = join(this.folder, name)
    await writeFile(target, text)
    return target
  }

  /** Runs a program of the project to its end. */
  async node(program: string, ...args: readonly string[]): Promise<string> {
    const { stdout } = await run(process.execPath, [program, ...args], {
      cwd: this.folder,
      timeout: 30_000,
    })
    return stdout
  }

  /** Type-checks files of the project, declarations of the package included, and gives what the compiler says. */
  async typeCheck(files: readonly string[]): Promise<string> {
    const compilerOptions = {
      target: 'es2024',
      lib: ['es2024', 'esnext.disposable', 'dom'],
      module: 'nodenext',
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      types: ['node'],
    }
    const config = join(this.folder, 'tsconfig.json')
    await writeFile(config, JSON.stringify({ compilerOptions, files }))
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    return run(process.execPath, [tsc, '-p', config], { cwd: this.folder }).then(
      ({ stdout }) => stdout,
      ({ stdout, message }: Error & { stdout?: string }) => stdout ?? message,
    )
  }

  /** Runs the package's daemon while `use` does. */
  async withDaemon<Result>(use: (socket: string) => Promise<Result>): Promise<Result> {
    const kad = join(this.folder, 'node_modules/kadmium/dist/bin/kad.js')
    const data = join(this.folder, 'data')
    const args = [kad, 'daemon', '--json', '--data', data, '--listen', '/ip4/127.0.0.1/tcp/0']
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
    const ended = once(child, 'exit')
    try {
      const lines = createInterface({ input: child.stdout })
      await Promise.race([
        once(lines, 'line'),
        ended.then(() => Promise.reject(new Error('the daemon ended before it was ready'))),
      ])
      return await use(join(data, 'kad.sock'))
    } finally {
      child.kill('SIGTERM')
      await ended
    }
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }
}
