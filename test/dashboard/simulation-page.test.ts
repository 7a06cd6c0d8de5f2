import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Draft } from '../../simulations/draft.ts'
import type { Simulator } from '../../simulations/engine/simulator.ts'
import { makeSimulator, optionsOf } from '../../simulations/run.ts'
import type { Progress } from '../../simulations/scenario.ts'
import { Tally } from '../../simulations/tally.ts'
import type { Watch } from '../../simulations/watch/watch.ts'
import { openWatch } from '../../src/cli/simulation-page.ts'
import { CHROMIUM, openPage, startBrowser } from './browser.ts'

const HOUR = 3_600_000

const watches: Watch[] = []
let browser: Browser | undefined

describe.skipIf(CHROMIUM === undefined)(
  'the page of a simulation in a browser (skipped without Chromium: set CHROME_PATH)',
  () => {
    beforeAll(async () => {
      browser = await startBrowser()
    })

    afterEach(async () => {
      await Promise.all((browser?.contexts() ?? []).map((context) => context.close()))
      await Promise.all(watches.splice(0).map((watch) => watch.close()))
    })

    afterAll(async () => {
      await browser?.close()
    })

    it('draws the peers, sees them leave and join, and shows the checks at the end', async () => {
      const run = await begin({ peers: 60 })
      const { page, complaints, foreign } = await open(run.watch.url)
      await page.locator('.peers[data-up="60"]').waitFor()
      expect(await page.locator('.health').textContent()).toBe('Running')
      expect(await page.locator('.peers .up').getAttribute('d')).toMatch(/^(M[\d. ]+L[\d. ]+){60}$/)

      await run.pass(0.25 * HOUR)
      for (const peer of run.sim.oracle.peers.slice(0, 7)) run.sim.kill(peer)
      await page.locator('.peers[data-up="53"]').waitFor()
      await page.getByText('0 joined, 7 left').waitFor()
      await run.join(3)
      await page.locator('.peers[data-up="56"]').waitFor()
      await page.getByText('3 joined, 7 left').waitFor()
      await page.locator('.course path').waitFor()
      await run.pass(0.25 * HOUR)
      await page.getByText('30 min').first().waitFor()
      await page.getByRole('img', { name: /^Joined and left in a minute: joined/ }).waitFor()

      const draft = new Draft()
      draft.figure('recall', 0.9876, 'share', { expected: 1, source: 'theory' })
      draft.check('no wrong value', true, '0 gets gave another value')
      draft.check('no value is lost', false, '2 lost')
      run.watch.finish(draft)
      await page.getByText('Ended: a check fails').waitFor()
      expect(await page.locator('.checks .holds').textContent()).toContain('no wrong value')
      expect(await page.locator('.checks .fails').textContent()).toContain('2 lost')
      expect(await page.getByRole('cell', { name: '98.76 %' }).count()).toBe(1)
      // Set after the page is painted, and no element tells of it.
      await expect.poll(() => page.title()).toBe('! churn – Kadmium')
      expect(complaints).toEqual([])
      expect(foreign).toEqual([])
    })

    it('shows what succeeds and the copies of values, as far as there are any', async () => {
      const run = await begin({ peers: 40 })
      const { page } = await open(run.watch.url)
      await page.locator('.peers[data-up="40"]').waitFor()
      const terms = (): Promise<string[]> => page.locator('.figures dt').allTextContents()
      expect(await terms()).toEqual(['Peers up', 'Events'])
      expect(await page.locator('.chart .title').allTextContents()).toEqual(['Messages of a peer'])
      expect(await page.locator('.legend').first().textContent()).toBe('peer')

      const key = new TextEncoder().encode('/kv/nobody has it')
      run.tally.value(run.sim, { key, target: run.sim.hash(key) })
      for (let i = 0; i < 999; i++) run.tally.get(true)
      run.tally.get(false)
      run.tally.lookup(0.5)
      await run.pass(0.1 * HOUR)
      await page.getByText('99.9 %').first().waitFor()
      await page.getByText('50 %').first().waitFor()
      await page.getByText('value that nobody holds').waitFor()
      expect(await terms()).toEqual([
        'Peers up',
        'Gets that succeed',
        'Closest peers found',
        'Copies of a value',
        'Messages of a peer',
        'Events',
      ])
      expect(await page.locator('.chart .title').allTextContents()).toEqual([
        'What succeeds',
        'Copies of a value',
        'Messages of a peer',
      ])
    })

    it('reads a mark to whoever points at it', async () => {
      const run = await begin({ peers: 2 })
      const [peer, other] = run.sim.oracle.peers
      if (other !== undefined) run.sim.kill(other)
      const { page } = await open(run.watch.url)
      await page.locator('.peers[data-up="1"]').waitFor()
      await page.locator('.peers .up').hover({ force: true })
      const digits = Buffer.from(peer?.contact.key ?? []).toString('hex', 0, 4)
      await page.getByText(`${digits}…`).waitFor()
      await page.mouse.move(0, 0)
      await page.locator('.readout').getByText('churn').waitFor()
      expect(await page.locator('.pointed').count()).toBe(0)
    })

    it('goes from peer to peer with the arrow keys', async () => {
      const run = await begin({ peers: 9 })
      const { page } = await open(run.watch.url)
      await page.locator('.peers[data-up="9"]').waitFor()
      const digits = run.sim.oracle.peers.map(({ contact }) =>
        Buffer.from(contact.key).toString('hex', 0, 4),
      )
      const said = page.locator('.ring [aria-live]')
      await page.locator('.ring svg').focus()
      for (const each of [digits[0], digits[1]]) {
        await page.keyboard.press('ArrowRight')
        await said.getByText(`peer at ${each}…`).waitFor()
      }
      await page.keyboard.press('ArrowLeft')
      await page.keyboard.press('ArrowLeft')
      await said.getByText(`peer at ${digits.at(-1)}…`).waitFor()
      await page.keyboard.press('Escape')
      await page.locator('.pointed').waitFor({ state: 'detached' })
      expect(await said.textContent()).toBe('')
    })

    it('says what to do without the token, and when the simulation is gone', async () => {
      const run = await begin({ peers: 20 })
      const stranger = await open(run.watch.url.replace(/#.*/, '#token=wrong'))
      await stranger.page
        .getByRole('alert')
        .getByText(/^This address carries no token/)
        .waitFor()
      const { page } = await open(run.watch.url)
      await page.locator('.peers[data-up="20"]').waitFor()
      expect(page.url()).not.toContain('token')
      await page.reload()
      await page.locator('.peers[data-up="20"]').waitFor()
      await run.watch.close()
      await page
        .getByRole('alert')
        .getByText(/^The simulation does not answer any more/)
        .waitFor()
      expect(await page.locator('.health').textContent()).toBe('No answer')
    })

    it('says why there is no result', async () => {
      const run = await begin({ peers: 20 })
      const { page } = await open(run.watch.url)
      await page.locator('.peers[data-up="20"]').waitFor()
      run.watch.fail('it was interrupted')
      await run.watch.close()
      await page.getByText('There is no result: it was interrupted.').waitFor()
      expect(await page.locator('.health').textContent()).toBe('Broken off')
    })

    it.each([390, 700, 1280])('fits a window of %i pixels', async (width) => {
      const run = await begin({ peers: 3_000 })
      const { page } = await open(run.watch.url, { width })
      await page.getByText('one peer of every 2').waitFor()
      const draft = new Draft()
      draft.check('a check with a long reason', true, 'n'.repeat(200))
      draft.figure('a figure', 1 / 3, 'bytes', { expected: 123_456_789, source: 'a source' })
      run.watch.finish(draft)
      await page.getByText('Ended: all checks hold').waitFor()
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
    })

    it('follows the system into the dark unless told otherwise', async () => {
      const run = await begin({ peers: 20 })
      const { page } = await open(run.watch.url, { scheme: 'dark' })
      const paper = (): Promise<string> =>
        page.evaluate('getComputedStyle(document.documentElement).backgroundColor')
      await page.locator('.peers').waitFor()
      const dark = await paper()
      await page.getByRole('radio', { name: 'Auto' }).focus()
      await page.keyboard.press('ArrowRight')
      expect(await page.getByRole('radio', { name: 'Light' }).isChecked()).toBe(true)
      expect(await paper()).not.toBe(dark)
    })
  },
)

/** A simulation that the test lets run. */
interface Scripted {
  readonly watch: Watch
  readonly sim: Simulator
  readonly tally: Tally
  pass(ms: number): Promise<void>
  join(count: number): Promise<void>
}

async function begin(given: { readonly peers: number }): Promise<Scripted> {
  const options = optionsOf('churn', given)
  const sim = makeSimulator(options)
  const tally = new Tally()
  sim.startWarm(options.peers)
  const watch = await openWatch('churn', given)
  watches.push(watch)
  const tell = (): void =>
    watch.onProgress({ ...PHASE, sim, tally, options, now: sim.now, events: sim.events })
  tell()
  return {
    watch,
    sim,
    tally,
    pass: async (ms) => {
      await sim.run(sim.now + ms)
      tell()
    },
    join: async (count) => {
      for (let i = 0; i < count; i++) await sim.until(sim.start(sim.create()))
    },
  }
}

const PHASE: Pick<Progress, 'phase' | 'from' | 'end' | 'isVirtual' | 'success'> = {
  phase: 'churn',
  from: 0,
  end: HOUR,
  isVirtual: true,
  success: undefined,
}

function open(
  url: string,
  options: Parameters<typeof openPage>[2] = {},
): ReturnType<typeof openPage> {
  if (browser === undefined) throw new Error('the browser runs')
  return openPage(browser, url, options)
}
