import { parse, View } from 'vega'
import { compile, type TopLevelSpec } from 'vega-lite'
import type { Axis, Plot } from './report.ts'

/** Colours of the pictures: the okabe-ito palette, which the colour-blind can tell apart. */
const PALETTE = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9']

/** Draws a plot as SVG; lines and texts take the colour of the page around it. */
export async function renderPlot(plot: Plot, width = 520, height = 260): Promise<string> {
  const spec = compile(specOf(plot, width, height)).spec
  const view = new View(parse(spec), { renderer: 'none' })
  const svg = await view.toSVG()
  view.finalize()
  // The page is light or dark: what is ink in the picture is ink of the page.
  return svg.replaceAll('"#000001"', '"currentColor"')
}

/** Stands for the colour of the page's text. */
const INK = '#000001'

const CONFIG = {
  font: 'system-ui, sans-serif',
  view: { stroke: null },
  axis: {
    labelColor: INK,
    titleColor: INK,
    domainColor: INK,
    tickColor: INK,
    gridColor: '#8884',
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 'normal',
  },
  legend: { labelColor: INK, labelFontSize: 12, labelLimit: 0, orient: 'top', columns: 2 },
} as const

function specOf({ kind, x, y, series }: Plot, width: number, height: number): TopLevelSpec {
  const values = series.flatMap(({ name, points, reference = false }) =>
    points.map(([px, py]) => ({ x: px, y: py, series: name, reference })),
  )
  const isBar = kind === 'bar'
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    width,
    height,
    background: 'transparent',
    data: { values },
    mark:
      kind === 'line'
        ? { type: 'line', strokeWidth: 2 }
        : kind === 'point'
          ? { type: 'point', filled: true, size: 60 }
          : { type: 'bar' },
    encoding: {
      x: {
        field: 'x',
        type: isBar ? 'ordinal' : 'quantitative',
        title: titleOf(x),
        ...(isBar ? {} : { scale: { type: x.scale ?? 'linear', zero: false } }),
        ...(isBar ? { axis: { labelOverlap: true, labelAngle: 0 } } : {}),
      },
      y: {
        field: 'y',
        type: 'quantitative',
        title: titleOf(y),
        scale: { type: y.scale ?? 'linear' },
      },
      ...(isBar && series.length > 1 ? { xOffset: { field: 'series', sort: null } } : {}),
      color: {
        field: 'series',
        type: 'nominal',
        title: null,
        scale: { domain: series.map(({ name }) => name), range: PALETTE },
        ...(series.length === 1 ? { legend: null } : {}),
      },
      ...(kind === 'line'
        ? {
            strokeDash: {
              field: 'reference',
              type: 'nominal' as const,
              legend: null,
              scale: {
                domain: [false, true],
                range: [
                  [1, 0],
                  [5, 4],
                ],
              },
            },
          }
        : {}),
    },
    config: CONFIG,
  }
}

function titleOf({ label, unit }: Axis): string {
  return unit === '' ? label : `${label} (${unit})`
}
