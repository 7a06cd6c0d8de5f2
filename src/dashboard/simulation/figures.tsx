import type { JSX } from 'preact'
import { latest } from '../activity-series.ts'
import { count, figure, whole } from '../format.ts'
import { percent } from './percent.ts'
import type { SimulationSeries } from './series.ts'
import type { SimulationView } from './view.ts'

/** The simulation's figures in one row; what it does not have is left out. */
export function SimulationFigures(props: {
  readonly view: SimulationView
  readonly series: SimulationSeries
}): JSX.Element {
  return (
    <dl class="figures flowing">
      {figuresOf(props.view, props.series).map(([name, value, more]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <span class="value">{value}</span> <span class="more">{more}</span>
          </dd>
        </div>
      ))}
    </dl>
  )
}

type Figure = readonly [name: string, value: string, more: string]

function figuresOf({ state, outcome }: SimulationView, series: SimulationSeries): Figure[] {
  const { totals, copies, isVirtual, eventsPerSecond } = state
  const { up, joined, left, gets, getsSucceeded, lookups, recall } = totals
  const figures: Figure[] = [
    [
      'Peers up',
      whole(up),
      joined + left === 0 ? '' : `${whole(joined)} joined, ${whole(left)} left`,
    ],
  ]
  if (gets > 0) {
    const share = percent((100 * getsSucceeded) / gets)
    figures.push(['Gets that succeed', `${share} %`, `of ${whole(gets)}`])
  }
  if (lookups > 0) {
    const share = percent((100 * recall) / lookups)
    figures.push(['Closest peers found', `${share} %`, `by ${count(lookups, 'lookup')}`])
  }
  if (copies !== undefined) figures.push(['Copies of a value', ...copiesOf(copies)])
  // These are of this moment; at the end the report has them of the whole run.
  if (outcome !== undefined) return figures
  const messages = latest(series.messages.lines[0] ?? [])
  if (messages !== undefined) {
    figures.push(['Messages of a peer', `${figure(messages)} /s`, 'just now'])
  }
  figures.push([isVirtual ? 'Events' : 'Requests', `${rate(eventsPerSecond)} /s`, 'of real time'])
  return figures
}

function copiesOf(copies: {
  readonly mean: number
  readonly fewest: number
  readonly put: number
  readonly counted: number
}): readonly [value: string, more: string] {
  const { mean, fewest, put, counted } = copies
  const of = counted < put ? `${whole(counted)} of ${count(put, 'value')}` : count(put, 'value')
  return [mean.toFixed(1), `fewest ${whole(fewest)}, ${of}`]
}

function rate(perSecond: number): string {
  return perSecond < 10_000 ? whole(perSecond) : `${whole(perSecond / 1_000)} k`
}
