import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import type { ActivityResponse } from '../api/gen/kadmium/v1/kadmium_pb.ts'
import { seriesOf } from './activity-series.ts'
import { Chart } from './chart.tsx'

/** What the peer did in the last quarter of an hour: three charts over one time. */
export function Charts(props: {
  readonly activity: ActivityResponse | undefined
  readonly theme: string
}): JSX.Element {
  const { activity, theme } = props
  const series = useMemo(
    () => (activity === undefined ? undefined : seriesOf(activity, Date.now())),
    [activity],
  )
  return (
    <section class="charts" aria-label="The last quarter of an hour">
      <Chart
        title="Requests per second"
        unit=""
        theme={theme}
        series={series?.rates}
        lines={[
          ['sent', 'ink'],
          ['received', 'viridian'],
          ['failed', 'crimson'],
        ]}
      />
      <Chart
        title="Round trip of a request"
        unit=" ms"
        theme={theme}
        series={series?.roundTrips}
        lines={[
          ['median', 'ink'],
          ['95 of 100 within', 'cobalt'],
        ]}
      />
      <Chart
        title="Operations, median time"
        unit=" ms"
        theme={theme}
        series={series?.operations}
        isSparse
        lines={[
          ['get', 'cobalt'],
          ['put', 'cadmium'],
          ['lookup', 'ink'],
        ]}
      />
    </section>
  )
}
