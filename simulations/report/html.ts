import { renderPlot } from './plot.ts'
import type { Plot, SimulationReport } from './report.ts'
import { formatFigure } from './table.ts'

/** The report as one page that needs nothing else: pictures as SVG, their data behind a fold, light and dark. */
export async function renderHtml(report: SimulationReport): Promise<string> {
  const { scenario, seed, digest, kadmium, figures, checks, plots, options, host } = report
  const pictures = await Promise.all(plots.map(renderFigure))
  const failed = checks.filter(({ holds }) => !holds).length
  const verdict =
    checks.length === 0 ? '' : failed === 0 ? 'All that must hold holds.' : `${failed} broken.`
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(scenario)}, seed ${seed} – Kadmium simulation</title>
<style>${STYLE}</style>
<main>
<h1>${escaped(scenario)}</h1>
<p class="sub">Kadmium ${escaped(kadmium)}, seed ${seed}. ${verdict}</p>
<h2>Figures</h2>
<div class="wide"><table>
<thead><tr><th>figure<th class="n">measured<th class="n">expected<th>source of what is expected</tr></thead>
<tbody>
${figures
  .map(
    ({ name, value, unit, expected, source }) =>
      `<tr><td>${escaped(name)}<td class="n">${formatFigure(value, unit)}<td class="n">${
        expected === undefined ? '' : formatFigure(expected, unit)
      }<td class="sub">${escaped(source ?? '')}</tr>`,
  )
  .join('\n')}
</tbody></table></div>
${
  checks.length === 0
    ? ''
    : `<h2>What must hold</h2>
<ul class="checks">
${checks
  .map(
    ({ name, holds, why }) =>
      `<li class="${holds ? 'good' : 'bad'}"><b>${holds ? 'holds' : 'broken'}</b> ${escaped(name)} <span class="sub">${escaped(why)}</span></li>`,
  )
  .join('\n')}
</ul>`
}
${pictures.join('\n')}
<h2>How to run it again</h2>
<pre><code>${escaped(commandOf(report))}</code></pre>
<details><summary>All options</summary><pre>${escaped(JSON.stringify(options, null, 1))}</pre></details>
<p class="sub">Digest of all events: <code>${escaped(digest)}</code>. ${host.events} events in ${(host.wallMs / 1000).toFixed(1)} s on Node ${escaped(host.nodeVersion)}.</p>
</main>
</html>
`
}

/** The command that gives this report again. */
export function commandOf({ scenario, options }: SimulationReport): string {
  const given = Object.entries(options).map(([name, value]) =>
    typeof value === 'boolean' ? `--${name} ${value ? 'on' : 'off'}` : `--${name} ${value}`,
  )
  return ['kad simulate', scenario, ...given].join(' ')
}

async function renderFigure(plot: Plot): Promise<string> {
  const svg = await renderPlot(plot)
  const label = escaped(plot.title)
  const rows = plot.series.flatMap(({ name, points }) =>
    points.map(([x, y]) => `<tr><td>${escaped(name)}<td class="n">${x}<td class="n">${y}</tr>`),
  )
  return `<figure>
<figcaption>${label}</figcaption>
<div class="wide" role="img" aria-label="${label}">${svg}</div>
<details><summary>Data</summary><div class="wide"><table><thead><tr><th>series<th class="n">${escaped(plot.x.label)}<th class="n">${escaped(plot.y.label)}</tr></thead><tbody>${rows.join('')}</tbody></table></div></details>
</figure>`
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2024; --soft: #60646c; --paper: #fcfcfd; --line: #d9dce1; --good: #18794e; --bad: #c62a2f; }
@media (prefers-color-scheme: dark) { :root { --ink: #edeef0; --soft: #b0b4ba; --paper: #111316; --line: #363a3f; --good: #3dd68c; --bad: #ff9592; } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { margin: 0; font-size: 1.9rem; } h2 { margin: 2.2rem 0 .6rem; font-size: 1.15rem; }
.sub { color: var(--soft); } .wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .93rem; }
th, td { padding: .25rem .9rem .25rem 0; text-align: left; border-bottom: 1px solid var(--line); font-weight: normal; white-space: nowrap; }
th { color: var(--soft); } .n { text-align: right; }
.checks { list-style: none; padding: 0; } .checks li { padding: .15rem 0; }
.good b { color: var(--good); } .bad b { color: var(--bad); }
figure { margin: 2.2rem 0; } figcaption { font-weight: 600; margin-bottom: .4rem; }
svg { max-width: 100%; height: auto; }
details { margin-top: .4rem; color: var(--soft); } summary { cursor: pointer; }
pre { overflow-x: auto; padding: .8rem; border: 1px solid var(--line); border-radius: 6px; white-space: pre-wrap; }
`

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => {
    const names: Readonly<Record<string, string>> = {
      '&': 'amp',
      '<': 'lt',
      '>': 'gt',
      '"': 'quot',
    }
    return `&${names[character] ?? ''};`
  })
}
