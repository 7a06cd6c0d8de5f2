import type { Watch } from '../../simulations/watch/watch.ts'
import type { Output } from './output.ts'

/** A simulation that is to be watched begins with the first page, or after this: somebody has to open the page first. ms. */
const FIRST_PAGE_MS = 20_000

/**
 * Serves the page of a simulation that is not yet running. Only here the server and the files of the page are loaded.
 *
 * @throws KadmiumError `ERR_INVALID_OPTION` for a scenario or options that are none: nobody shall open a page for them.
 */
export async function openWatch(
  name: string,
  given: Readonly<Record<string, unknown>>,
): Promise<Watch> {
  const { optionsOf, scenarioOf } = await import('../../simulations/run.ts')
  const { Watch: Opened } = await import('../../simulations/watch/watch.ts')
  const { dashboardAnswers } = await import('../daemon/dashboard.ts')
  optionsOf(name, given)
  const { question } = scenarioOf(name)
  const files = dashboardAnswers((_request, response) => {
    response.writeHead(404).end()
  }, 'simulation.html')
  return Opened.open({ scenario: name, question, files })
}

/** Says where the page is, and waits for somebody to open it, but not for long. Ctrl-C ends the wait with its reason. */
export async function pageOpened(
  watch: Watch,
  output: Output,
  signal: AbortSignal,
  patienceMs: number = FIRST_PAGE_MS,
): Promise<void> {
  const seconds = Math.round(patienceMs / 1_000)
  output.note(`watch it at ${watch.url} (it begins when the page is open, or in ${seconds} s)`)
  const patience = AbortSignal.timeout(patienceMs)
  await Promise.race([watch.firstPage, aborted(signal), aborted(patience)])
  signal.throwIfAborted()
}

/** Keeps the page up until Ctrl-C, so that the end can be looked at; returns at once if nobody does. */
export async function pagesLeft(watch: Watch, output: Output, signal: AbortSignal): Promise<void> {
  if (!watch.isWatched || signal.aborted) return
  output.note('the page stays until Ctrl-C')
  await aborted(signal)
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
