import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import { latest, type Series } from './activity-series.ts'
import { figure } from './format.ts'
import { useWidth } from './use-width.ts'

/** What a chart draws: lines with their names and the names of their colours. */
export interface ChartProps {
  readonly title: string
  /** Written behind each figure. */
  readonly unit: string
  /** The colours are read anew when it changes. */
  readonly theme: string
  readonly series: Series | undefined
  readonly lines: readonly (readonly [name: string, colour: string])[]
  /** Few intervals have a figure: those that have are marked, and joined across the others. */
  readonly isSparse?: boolean
  /** Writes a moment of the series below the chart. Default: seconds since 1970 as the time of day. */
  readonly time?: (seconds: number) => string
  /** Moments that may be written, seconds apart; without them those that suit a time of day. */
  readonly timeSteps?: readonly number[]
  /** Writes a figure of the legend and of the scale. */
  readonly say?: (value: number) => string
  /** The scale that figures up to `max`, from `min` on, are drawn on. Default: from 0. */
  readonly range?: (min: number | null, max: number | null) => [low: number, high: number]
  /** Default: 168. */
  readonly heightPx?: number
}

/** A chart with its title and a legend that tells the figures under the pointer, or the last ones. */
export function Chart(props: ChartProps): JSX.Element {
  const { title, unit, series, lines, say = figure } = props
  const [frame, width] = useWidth<HTMLDivElement>()
  const [index, setIndex] = useState<number>()
  usePlot(frame, props, width, setIndex)
  const figures = lines.map(([name, colour], i) => {
    const line = series?.lines[i] ?? []
    const value = index === undefined ? latest(line) : (line[index] ?? undefined)
    const text = value === undefined ? '–' : `${say(value)}${unit}`
    return { name, colour, text }
  })
  return (
    <figure class="chart">
      <figcaption>
        <span class="title">{title}</span>
        <ul class="legend">
          {figures.map(({ name, colour, text }) => (
            <li key={name}>
              <span class={`mark line ${colour}`} aria-hidden="true" />
              {name} <b>{text}</b>
            </li>
          ))}
        </ul>
      </figcaption>
      <div
        class="plot"
        ref={frame}
        role="img"
        aria-label={`${title}: ${figures.map(({ name, text }) => `${name} ${text}`).join(', ')}`}
      />
    </figure>
  )
}

function usePlot(
  frame: { readonly current: HTMLDivElement | null },
  props: ChartProps,
  width: number,
  onIndex: (index: number | undefined) => void,
): void {
  const { theme, series } = props
  const plot = useRef<uPlot>(undefined)
  const hasData = series !== undefined
  useEffect(() => {
    const element = frame.current
    if (element === null || width === 0 || !hasData) return undefined
    const made = new uPlot(optionsOf(width, props, onIndex), dataOf(series), element)
    plot.current = made
    return () => made.destroy()
    // Data and colours' order come by the effect below and never change.
  }, [theme, width, hasData])
  useEffect(() => {
    if (series !== undefined) plot.current?.setData(dataOf(series))
  }, [series])
}

function dataOf({ times, lines }: Series): uPlot.AlignedData {
  return [[...times], ...lines.map((line) => [...line])]
}

function optionsOf(
  width: number,
  props: ChartProps,
  onIndex: (index: number | undefined) => void,
): uPlot.Options {
  const { lines, isSparse = false, time = clock, timeSteps, heightPx = 168 } = props
  const { range = rangeFromNought, say = figure } = props
  const styles = getComputedStyle(document.documentElement)
  const colour = (name: string): string => styles.getPropertyValue(`--${name}`).trim()
  const font = `11px ${styles.getPropertyValue('--sans')}`
  const axis = { stroke: colour('muted'), font, ticks: { show: false } }
  return {
    width,
    height: heightPx,
    // The last moment of the scale is written half beyond the plot.
    padding: [10, 20, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { setScale: false }, sync: { key: 'activity' } },
    scales: {
      x: { time: timeSteps === undefined },
      y: { range: (_plot, min, max) => range(min, max) },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 24,
        space: 70,
        ...(timeSteps === undefined ? {} : { incrs: [...timeSteps] }),
        values: (_plot, moments) => moments.map(time),
      },
      {
        ...axis,
        grid: { stroke: colour('hair'), width: 1 },
        size: 40,
        gap: 6,
        space: heightPx < 150 ? 22 : 32,
        values: (_plot, values) => values.map(say),
      },
    ],
    series: [
      {},
      ...lines.map(([label, name]) => ({
        label,
        stroke: colour(name),
        width: 1.5,
        // What others are compared with.
        dash: name === 'muted' ? [4, 4] : [],
        spanGaps: isSparse,
        points: isSparse ? { show: true, size: 5, fill: colour(name) } : { show: false },
      })),
    ],
    hooks: { setCursor: [({ cursor }) => onIndex(cursor.idx ?? undefined)] },
  }
}

/** Never so low a scale that the noise of an idle peer fills the chart. */
function rangeFromNought(_min: number | null, max: number | null): [number, number] {
  return [0, max === null || max < 1 ? 1 : max * 1.1]
}

function clock(seconds: number): string {
  const date = new Date(seconds * 1_000)
  return `${date.getHours()}:${String(date.getMinutes()).padStart(2, '0')}`
}
