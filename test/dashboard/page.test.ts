import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { LookupStepOutput } from '../../src/api/peer.ts'
import { ApiServer } from '../../src/api/server.ts'
import { dashboardAnswers, dashboardUrl } from '../../src/daemon/dashboard.ts'
import { CHROMIUM, openPage, startBrowser } from './browser.ts'
import { type Script, ScriptedPeer } from './scripted-peer.ts'

const servers: ApiServer[] = []
let browser: Browser | undefined

describe.skipIf(CHROMIUM === undefined)(
  'the dashboard in a browser (skipped without Chromium: set CHROME_PATH)',
  () => {
    beforeAll(async () => {
      browser = await startBrowser()
    })

    afterEach(async () => {
      await Promise.all((browser?.contexts() ?? []).map((context) => context.close()))
      await Promise.all(servers.splice(0).map((server) => server.close()))
    })

    afterAll(async () => {
      await browser?.close()
    })

    it('draws this peer, 200 contacts and what it holds, and asks nothing of anyone else', async () => {
      const { url } = await serve({ peers: 320, k: 60, records: 80 })
      const { page, complaints, foreign } = await open(url)
      await page.waitForSelector('.self')
      await page.waitForSelector('.plot canvas')
      expect(await page.locator('.contacts circle').count()).toBe(201)
      await page.waitForSelector('.records line')
      expect(await page.locator('.records line').count()).toBe(80)
      expect(await page.locator('.bucket').count()).toBe(7)
      expect(await page.locator('.health').textContent()).toBe('Well')
      expect(complaints).toEqual([])
      expect(foreign).toEqual([])
    })

    it('puts a value and gets it back, by keyboard alone', async () => {
      const { url, peer } = await serve({ peers: 30 })
      const { page, complaints } = await open(url)
      await page.waitForSelector('.self')
      await page.locator('#tab-lookup').focus()
      await page.keyboard.press('ArrowLeft')
      expect(await focused(page)).toBe('tab-put')
      await page.keyboard.press('Tab')
      await page.keyboard.press('Tab')
      expect(await focused(page)).toBe('put-key')
      await page.keyboard.type('greeting')
      await page.keyboard.press('Tab')
      await page.keyboard.type('hello, world')
      await page.keyboard.press('Tab')
      expect(await outlineOf(page)).toBe('solid')
      await page.keyboard.press('Enter')
      const put = page.locator('#panel-put [aria-live]')
      await put.getByText('Held by 20 of 20 peers under /kv/greeting').waitFor()
      expect(new TextDecoder().decode(peer.values.get('/kv/greeting'))).toBe('hello, world')
      expect(await page.locator('.holder').count()).toBeGreaterThan(0)

      await page.locator('#tab-put').focus()
      await page.keyboard.press('ArrowLeft')
      await page.keyboard.press('Tab')
      expect(await page.locator('#get-key').inputValue()).toBe('greeting')
      await page.keyboard.press('Enter')
      const got = page.locator('#panel-get [aria-live]')
      await got.getByText('12 B under /kv/greeting').waitFor()
      expect(await got.locator('pre').textContent()).toBe('hello, world')
      expect(complaints).toEqual([])
    })

    it('says plainly what went wrong', async () => {
      const { url } = await serve({ peers: 30 })
      const { page } = await open(url)
      await page.click('#tab-get')
      await page.fill('#get-key', 'missing')
      await page.keyboard.press('Enter')
      await page
        .locator('#panel-get [aria-live]')
        .getByText('No peer that was asked holds /kv/missing.')
        .waitFor()
      await page.click('#tab-put')
      await page.fill('#put-key', '/nowhere/a')
      await page.keyboard.press('Enter')
      const refusal = page.locator('#panel-put [aria-live]')
      await refusal.getByText("'/nowhere/a' is in no namespace of this network.").waitFor()
      expect(await refusal.textContent()).not.toContain('Held by')
    })

    it('draws a lookup hop by hop while it runs, then what it found', async () => {
      const gate = Promise.withResolvers<void>()
      let steps = 0
      const beforeStep = (_step: LookupStepOutput): Promise<void> | undefined =>
        ++steps > 9 ? gate.promise : undefined
      const { url } = await serve({ peers: 200, beforeStep: async (step) => beforeStep(step) })
      const { page, complaints } = await open(url)
      await page.waitForSelector('.self')
      await page.fill('#lookup-key', 'greeting')
      await page.keyboard.press('Enter')
      // Nine steps: three asked and answered, three more asked.
      const [answered, asking] = ['answered', 'asking'].map((state) =>
        page.locator(`.lookup path.${state}`),
      )
      await expect.poll(() => answered?.count()).toBe(3)
      await expect.poll(() => asking?.count()).toBe(3)
      expect(await page.locator('g.target').count()).toBe(1)
      expect(await page.locator('.trace tbody tr').count()).toBe(6)
      expect(await page.locator('.readout .main').textContent()).toMatch(/^hop [12]$/)
      gate.resolve()
      const summary = page.getByText(/closest peers of/)
      await summary.waitFor()
      const found = Number.parseInt((await summary.textContent()) ?? '', 10)
      expect(found).toBeGreaterThan(10)
      expect(await page.locator('.lookup .found').count()).toBe(found)
      expect(await page.locator('.lookup path.failed').count()).toBeGreaterThan(0)
      await page.getByRole('button', { name: 'Clear' }).click()
      await page.waitForSelector('.lookup', { state: 'detached' })
      expect(complaints).toEqual([])
    })

    it('lists the contacts of the bucket that was chosen', async () => {
      const { url } = await serve({ peers: 200 })
      const { page } = await open(url)
      await page.getByRole('button', { name: /^Bucket 3: 11 contacts of 20/ }).click()
      await page.getByRole('heading', { name: 'Contacts of bucket 3 11' }).waitFor()
      expect(await page.locator('.contacts .focused').count()).toBe(11)
      expect(await page.locator('.bucket[aria-pressed=true]').count()).toBe(1)
    })

    it('shows why the peer is not well, and when the daemon is gone', async () => {
      const { url, server } = await serve({ peers: 0, problems: ['no peers: nobody answers'] })
      const { page } = await open(url)
      await page.getByRole('alert').getByText('No peers: nobody answers.').waitFor()
      expect(await page.locator('.health').textContent()).toBe('Not well')
      await server.close()
      await page
        .getByRole('alert')
        .getByText(/^The daemon does not answer\./)
        .waitFor()
      expect(await page.locator('.health').textContent()).toBe('No answer')
    })

    it('asks for the token, takes it from the address and keeps it for the tab only', async () => {
      const { url } = await serve({ peers: 30 }, 's3cret')
      const { page } = await open(url)
      await page.getByLabel('Token').fill('wrong')
      await page.keyboard.press('Enter')
      await page.getByText('The daemon does not take this token.').waitFor()
      await page.getByLabel('Token').fill('s3cret')
      await page.keyboard.press('Enter')
      await page.waitForSelector('.self')
      await page.reload()
      await page.waitForSelector('.self')

      const other = await open(`${url}#token=s3cret`)
      await other.page.waitForSelector('.self')
      expect(other.page.url()).toBe(url)
      expect(await other.page.evaluate('JSON.stringify(localStorage)')).not.toContain('s3cret')
      expect(other.complaints).toEqual([])
    })

    it.each([390, 700, 1280])('fits a window of %i pixels', async (width) => {
      const { url } = await serve({ peers: 200, records: 40 })
      const { page } = await open(url, { width })
      await page.waitForSelector('.records line')
      await page.fill('#lookup-key', 'greeting')
      await page.keyboard.press('Enter')
      await page.getByText(/closest peers of/).waitFor()
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
    })

    it('follows the system into the dark unless told otherwise', async () => {
      const { url } = await serve({ peers: 30 })
      const { page } = await open(url, { scheme: 'dark' })
      const paper = (): Promise<string> =>
        page.evaluate('getComputedStyle(document.documentElement).backgroundColor')
      await page.waitForSelector('.self')
      const dark = await paper()
      await page.getByRole('radio', { name: 'Light' }).check({ force: true })
      const light = await paper()
      expect(light).not.toBe(dark)
      await page.reload()
      await page.waitForSelector('.self')
      expect(await paper()).toBe(light)
    })
  },
)

async function serve(
  script: Script,
  token?: string,
): Promise<{ url: string; peer: ScriptedPeer; server: ApiServer }> {
  const peer = new ScriptedPeer(script)
  const fallback = dashboardAnswers((_request, response) => {
    response.writeHead(404)
    response.end()
  })
  const address = { type: 'tcp', host: '127.0.0.1', port: 0 } as const
  const server = await ApiServer.listen({ peer, address, token, fallback })
  servers.push(server)
  if (server.address.type !== 'tcp') throw new Error('it listens on TCP')
  return { url: dashboardUrl(server.address, undefined), peer, server }
}

function open(
  url: string,
  options: Parameters<typeof openPage>[2] = {},
): ReturnType<typeof openPage> {
  if (browser === undefined) throw new Error('the browser runs')
  return openPage(browser, url, options)
}

function focused(page: Page): Promise<string | undefined> {
  return page.evaluate('document.activeElement?.id')
}

function outlineOf(page: Page): Promise<string> {
  return page.evaluate('getComputedStyle(document.activeElement).outlineStyle')
}
