const usage = 'Usage: kad <command> [options]'

/** Runs one command of the `kad` executable and returns its exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  process.stdout.write(`${usage}\n`)
  return argv.length === 0 || argv.includes('--help') ? 0 : 2
}
