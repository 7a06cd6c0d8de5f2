import { accessSync, constants } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'

const PLACES = [
  process.env.CHROME_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** A Chromium on this machine (`CHROME_PATH` wins); `undefined`: there is none, and tests in a browser are skipped. */
export const CHROMIUM: string | undefined = PLACES.find(
  (path) => path !== undefined && isExecutable(path),
)

/** Starts a headless browser. */
export async function startBrowser(): Promise<Browser> {
  if (CHROMIUM === undefined) throw new Error('there is no Chromium on this machine')
  // Its sandbox does not start for root, as whom containers run tests; it opens pages of the project only.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  return chromium.launch({ executablePath: CHROMIUM, args })
}

/** A page, with what it complained of and what it asked of others than its own origin. */
export interface WatchedPage {
  readonly page: Page
  readonly complaints: readonly string[]
  readonly foreign: readonly string[]
}

/** Opens an address and watches what comes of it. */
export async function openPage(
  browser: Browser,
  url: string,
  options: { readonly width?: number; readonly scheme?: 'light' | 'dark' } = {},
): Promise<WatchedPage> {
  const { width = 1280, scheme = 'light' } = options
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: scheme })
  const complaints: string[] = []
  const foreign: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin) foreign.push(request.url())
  })
  await page.goto(url)
  return { page, complaints, foreign }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
