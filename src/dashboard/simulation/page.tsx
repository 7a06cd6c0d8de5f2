import type { JSX } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { storedTheme, ThemeChoice, useThemeInForce } from '../theme.tsx'
import { SimulationCharts } from './charts.tsx'
import { SimulationFigures } from './figures.tsx'
import { SimulationLegend } from './legend.tsx'
import { Results } from './outcome.tsx'
import { SimulationRing } from './ring.tsx'
import { simulationSeries } from './series.ts'
import { Problem, type Standing, Status, standingOf } from './status.tsx'
import { useSimulation } from './use-simulation.ts'
import { type SimulationView, shareOf } from './view.ts'

/** The whole page of a running simulation. */
export function SimulationPage({ token }: { readonly token: string | undefined }): JSX.Element {
  const { view, trouble } = useSimulation(token)
  const [theme, setTheme] = useState(storedTheme)
  const inForce = useThemeInForce(theme)
  const standing = standingOf(view, trouble)
  const failing = view?.outcome?.checks.filter(({ holds }) => !holds).length ?? 0
  useTitle(view, standing)
  return (
    <>
      <header class="top">
        <h1 class="wordmark">Kadmium</h1>
        {view !== undefined && <Name view={view} />}
        <Status standing={standing} failing={failing} />
        <ThemeChoice theme={theme} onChange={setTheme} />
      </header>
      <main class={standing === 'gone' ? 'stale' : ''}>
        <Problem standing={standing} why={view?.outcome?.failure} />
        {view !== undefined && <Course view={view} theme={inForce} />}
      </main>
    </>
  )
}

/** What is run. */
function Name({ view }: { readonly view: SimulationView }): JSX.Element {
  const { scenario, seed, network } = view.run
  return (
    <p class="whoami">
      simulation of <b>{scenario}</b>, seed {seed}
      {network === 'virtual' ? '' : `, network ${network}`}
    </p>
  )
}

function Course(props: { readonly view: SimulationView; readonly theme: string }): JSX.Element {
  const { view, theme } = props
  const { points, run, state, values, outcome } = view
  const series = useMemo(() => simulationSeries(points, run.k), [points, run.k])
  const { gets, lookups, joined, left } = state.totals
  return (
    <>
      <p class="question">{sentenceOf(run.question)}</p>
      <SimulationFigures view={view} series={series} />
      <div class="stage">
        <div class="keyspace">
          <SimulationRing view={view} />
          <SimulationLegend
            hasTurnover={joined + left > 0}
            hasValues={values.length > 0}
            hasLost={(state.copies?.lost ?? 0) > 0}
            peersForEachMark={state.peersForEachMark}
          />
        </div>
        <SimulationCharts
          series={series}
          hasGets={gets > 0}
          hasLookups={lookups > 0}
          theme={theme}
        />
      </div>
      {outcome !== undefined && outcome.failure === undefined && <Results outcome={outcome} />}
    </>
  )
}

function sentenceOf(question: string): string {
  return `${question.charAt(0).toUpperCase()}${question.slice(1)}.`
}

function useTitle(view: SimulationView | undefined, standing: Standing): void {
  const title = titleOf(view, standing)
  useEffect(() => {
    document.title = title
  }, [title])
}

function titleOf(view: SimulationView | undefined, standing: Standing): string {
  if (view === undefined) return 'Simulation – Kadmium'
  const { run } = view
  if (standing === 'good') return `${run.scenario}: all holds – Kadmium`
  if (standing !== 'running') return `! ${run.scenario} – Kadmium`
  const share = shareOf(view)
  if (share === undefined) return `${run.scenario} – Kadmium`
  return `${Math.floor(share * 100)} % ${run.scenario} – Kadmium`
}
