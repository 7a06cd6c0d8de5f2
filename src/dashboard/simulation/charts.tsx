import type { JSX } from 'preact'
import { Chart, type ChartProps } from '../chart.tsx'
import { figure } from '../format.ts'
import { percent } from './percent.ts'
import type { SimulationSeries } from './series.ts'
import { moment, TIME_STEPS } from './time.ts'

/** What happened since the beginning, over the network's time; charts of what there is. */
export function SimulationCharts(props: {
  readonly series: SimulationSeries
  readonly hasGets: boolean
  readonly hasLookups: boolean
  readonly theme: string
}): JSX.Element {
  const { series, hasGets, hasLookups, theme } = props
  const { turnover, success, copies, messages } = series
  const common = { theme, time: mark, timeSteps: TIME_STEPS, heightPx: 128 }
  const successLines: ChartProps['lines'] = [
    ...(hasGets ? [['gets that succeed', 'viridian'] as const] : []),
    ...(hasLookups ? [['closest peers found', 'cobalt'] as const] : []),
  ]
  return (
    <section class="beside" aria-label="Since the beginning">
      {turnover !== undefined && (
        <Chart
          {...common}
          title="Joined and left in a minute"
          unit=""
          series={turnover}
          lines={TURNOVER}
          say={sayTurnover}
          range={rangeOfTurnover}
        />
      )}
      {success !== undefined && (
        <Chart
          {...common}
          key={successLines.length}
          title="What succeeds"
          unit=" %"
          series={success}
          lines={successLines}
          say={percent}
          range={rangeOfShares}
          isSparse
        />
      )}
      {copies !== undefined && (
        <Chart {...common} title="Copies of a value" unit="" series={copies} lines={COPIES} />
      )}
      <Chart
        {...common}
        title="Messages of a peer"
        unit=" /s"
        series={messages}
        lines={MESSAGES}
        range={rangeOfRates}
      />
    </section>
  )
}

const TURNOVER: ChartProps['lines'] = [
  ['joined', 'viridian'],
  ['left', 'crimson'],
]

const COPIES: ChartProps['lines'] = [
  ['on average', 'ochre'],
  ['the fewest', 'crimson'],
  ['k', 'muted'],
]

const MESSAGES: ChartProps['lines'] = [['sent', 'ink']]

/** The beginning needs no name, and has no room for one. */
function mark(seconds: number): string {
  return seconds === 0 ? '' : moment(seconds)
}

function sayTurnover(value: number): string {
  return figure(Math.abs(value))
}

/** As far down as up: who left is drawn below nought, for most often as many come as leave. */
function rangeOfTurnover(min: number | null, max: number | null): [number, number] {
  const far = Math.max(1, -(min ?? 0), max ?? 0) * 1.1
  return [-far, far]
}

/** The last tenth while all is well: what matters then is one in a hundred. */
function rangeOfShares(min: number | null): [number, number] {
  const low = min === null || min >= 90 ? 90 : 0
  return [low, 100 + (100 - low) / 20]
}

function rangeOfRates(_min: number | null, max: number | null): [number, number] {
  return [0, max === null || max <= 0 ? 1 : max * 1.1]
}
