import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RemotePeer } from '../../src/api/remote-peer.ts'
import { figuresOf, Running, read } from './running.ts'

/** What of a Grafana dashboard is looked at here. */
interface Dashboard {
  readonly templating: { readonly list: readonly { name: string; query: unknown }[] }
  readonly panels: readonly {
    readonly id: number
    readonly type: string
    readonly title: string
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; h: number }
    readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
  }[]
}

const FILE = join(import.meta.dirname, '../../src/daemon/grafana/kadmium.json')

const running = new Running()
let dashboard: Dashboard
/** The names of the series that a daemon really exports, each with the names of its labels. */
let exported: Map<string, ReadonlySet<string>>

beforeAll(async () => {
  dashboard = JSON.parse(await readFile(FILE, 'utf8')) as Dashboard // our own file
  const daemon = await running.daemon()
  const api = daemon.apis[0] ?? ''
  // What is labelled by the calls that were made or failed has no series before.
  const peer = new RemotePeer({ type: 'unix', path: api })
  await (await running.peer(daemon.addresses)).get('missing', {}).catch(() => {})
  await peer.get('missing', {}).catch(() => {})
  exported = labelsByName((await read(api, '/metrics')).body)
})

afterAll(() => running.end())

describe('the Grafana dashboard', () => {
  it('asks for nothing that a daemon does not export, by metric and by label', () => {
    const unknown = expressionsOf(dashboard).flatMap(({ title, expr }) =>
      selectorsOf(expr).flatMap(({ name, labels }) => {
        const known = exported.get(name)
        if (known === undefined) return [`${title}: no metric ${name}`]
        return labels
          .filter((label) => !SCRAPED.has(label) && !known.has(label))
          .map((label) => `${title}: ${name} has no label ${label}`)
      }),
    )
    expect(unknown).toEqual([])
  })

  it('sums and names series by labels that they have', () => {
    const unknown = expressionsOf(dashboard).flatMap(({ title, expr, legend }) => {
      const known = new Set([...SCRAPED, ...selectorsOf(expr).flatMap(labelsOf)])
      const by = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, names = '']) =>
        names.split(/,\s*/),
      )
      const named = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, name = '']) => name)
      return [...by, ...named].filter((label) => !known.has(label)).map((l) => `${title}: ${l}`)
    })
    expect(unknown).toEqual([])
  })

  it('shows every figure of Kadmium’s own that changes while a peer runs', () => {
    const shown = new Set(
      expressionsOf(dashboard).flatMap(({ expr }) =>
        selectorsOf(expr).map(({ name }) => name.replace(/_bucket$/, '')),
      ),
    )
    const own = [...exported.keys()].filter((name) => /^kadmium_/.test(name))
    const hidden = own
      .map((name) => name.replace(/_(bucket|count|sum)$/, ''))
      .filter((name) => !shown.has(name))
    expect(new Set(hidden)).toEqual(
      new Set([
        // The modes rarely change; the sums of those by type stand beside what became of them.
        'kadmium_mode',
        'kadmium_outbound_requests_total',
        'kadmium_outbound_requests_failed_total',
        'kadmium_outbound_requests_retried_total',
        'kadmium_inbound_requests_answered_total',
      ]),
    )
  })

  it('lays its panels out side by side, each with a number of its own', () => {
    const { panels } = dashboard
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) => {
      expect(x + w).toBeLessThanOrEqual(24)
      return Array.from({ length: w * h }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`)
    })
    expect(new Set(cells).size).toBe(cells.length)
  })

  it('would be told of a name that is gone', () => {
    expect(selectorsOf('sum by (le, type) (rate(kadmium_gone_total{job=~"$job"}[5m]))')).toEqual([
      { name: 'kadmium_gone_total', labels: ['job'] },
    ])
    expect(exported.has('kadmium_gone_total')).toBe(false)
  })
})

/** Labels that Prometheus itself gives what it reads. */
const SCRAPED = new Set(['job', 'instance'])

function labelsByName(page: string): Map<string, ReadonlySet<string>> {
  const names = new Map<string, Set<string>>()
  for (const series of figuresOf(page).keys()) {
    const [name = ''] = series.split('{')
    const labels = names.get(name) ?? new Set()
    for (const [, label = ''] of series.matchAll(/[{,](\w+)="/g)) labels.add(label)
    names.set(name, labels)
  }
  return names
}

/** Every query of the dashboard: of its panels and of its variables. */
function expressionsOf({
  panels,
  templating,
}: Dashboard): { title: string; expr: string; legend: string }[] {
  const ofPanels = panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }) => ({ title, expr, legend: legendFormat })),
  )
  const ofVariables = templating.list.flatMap(({ name, query }) => {
    const text = JSON.stringify(query)
    const [, expr] = /label_values\((.*), \w+\)/.exec(text) ?? []
    return expr === undefined ? [] : [{ title: name, expr: expr.replaceAll('\\', ''), legend: '' }]
  })
  expect(ofPanels.length).toBeGreaterThan(20)
  expect(ofVariables).toHaveLength(2)
  return [...ofPanels, ...ofVariables]
}

/** The metrics of a query, with the labels by which they are chosen. */
function selectorsOf(expr: string): { name: string; labels: string[] }[] {
  return [...expr.matchAll(/\b((?:kadmium|libp2p|process|nodejs)_\w+)(?:\{([^}]*)\})?/g)].map(
    ([, name = '', given = '']) => ({
      name,
      labels: [...given.matchAll(/(\w+)(?:=~|!~|!=|=)"/g)].map(([, label = '']) => label),
    }),
  )
}

function labelsOf({ name }: { name: string }): readonly string[] {
  return [...(exported.get(name) ?? [])]
}
