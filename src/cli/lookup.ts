import { Command } from 'commander'
import type { LookupOutput, LookupStepOutput } from '../api/peer.ts'
import { type CommonOptions, runOnPeer, withCommonOptions } from './command.ts'
import { EXIT } from './exit-codes.ts'
import { keyText } from './keys.ts'
import { type Output, table } from './output.ts'
import { counted, formatDuration } from './units.ts'

/** `kad lookup`. */
export function lookupCommand(exit: (code: number) => void): Command {
  const command = new Command('lookup')
    .summary('the peers closest to a key')
    .description(
      'Finds the k peers closest to a key or a peer id. With --trace every request is shown as it happens: who was asked at which hop, how many leading bits it shares with the target, how long it took, and how many new peers it named.',
    )
    .argument('<key>', 'a key or a peer id; a bare word means /kv/<word>')
    .option('--trace', 'show every request as it happens')
    .addHelpText('after', '\nExample:\n  kad lookup greeting --trace')
    .action(async (key: string, options: CommonOptions & { trace?: boolean }) => {
      exit(
        await runOnPeer(options, async ({ output, peer, signal, timeoutMs }) => {
          const step =
            options.trace === true
              ? (event: LookupStepOutput) => printStep(output, event)
              : undefined
          const result = await peer.lookup(isPeerId(key) ? key : keyText(key), {
            signal,
            timeoutMs,
            step,
          })
          printResult(output, result)
          return EXIT.ok
        }),
      )
    })
  return withCommonOptions(command, { bootstrap: true, streams: true })
}

function isPeerId(text: string): boolean {
  return /^(12D3Koo|16Uiu2|Qm)[1-9A-HJ-NP-Za-km-z]{30,60}$/.test(text)
}

function printStep(output: Output, step: LookupStepOutput): void {
  const { type, peer, hop, prefixLength, atMs, tookMs, contacts, added, failure } = step
  const document = { type, peer, hop, prefixLength, atMs, tookMs, contacts, added, failure }
  output.result(document, () => {
    const at = `${atMs.toFixed(0).padStart(6)} ms`
    const who = `hop ${hop}  ${String(prefixLength).padStart(3)} bits  ${peer}`
    switch (type) {
      case 'sent':
        return output.style('dim', `${at}  →  ${who}`)
      case 'answered':
        return `${at}  ${output.style('good', '←')}  ${who}  ${formatDuration(tookMs)}, ${added} new of ${contacts}`
      case 'failed':
        return `${at}  ${output.style('bad', '×')}  ${who}  ${formatDuration(tookMs)}, ${failure ?? 'failed'}`
    }
  })
}

function printResult(output: Output, result: LookupOutput): void {
  const { closest, target, complete, hops, requests, failures, durationMs } = result
  const peers = closest.map(({ id, addresses, prefixLength, self }) => ({
    id,
    addresses,
    prefixLength,
    self,
  }))
  const document = { target, closest: peers, complete, hops, requests, failures, durationMs }
  output.result(document, () => {
    const rows = closest.map(({ id, prefixLength, addresses, self }, i) => [
      String(i + 1),
      id,
      String(prefixLength),
      self ? 'this peer' : (addresses[0] ?? ''),
    ])
    const end = complete ? '' : ' (the time was over before all had answered)'
    return [
      `target ${target}`,
      table([['#', 'peer', 'bits', 'address'], ...rows]),
      `${counted(hops, 'hop')}, ${counted(requests, 'request')}, ${failures} failed, ${formatDuration(durationMs)}${end}`,
    ].join('\n')
  })
}
