import type { JSX } from 'preact'
import type { Outcome } from '../../../simulations/watch/frame.ts'
import { sayFigure } from './say-figure.ts'

/** What came of the simulation: what had to hold, and all figures. */
export function Results({ outcome }: { readonly outcome: Outcome }): JSX.Element {
  const { checks, figures } = outcome
  return (
    <div class="results">
      <section aria-labelledby="checks-title">
        <h2 id="checks-title">
          Checks <span class="count">{checks.length}</span>
        </h2>
        {checks.length === 0 && (
          <p class="empty">This scenario checks nothing with these options.</p>
        )}
        <ul class="checks plain">
          {checks.map(({ name, holds, why }) => (
            <li key={name} class={holds ? 'holds' : 'fails'}>
              <span class="verdict">{holds ? 'holds' : 'fails'}</span>
              <span>
                {name}
                <span class="hint"> {why}</span>
              </span>
            </li>
          ))}
        </ul>
      </section>
      <section aria-labelledby="figures-title">
        <h2 id="figures-title">
          Figures <span class="count">{figures.length}</span>
        </h2>
        <div class="wide">
          <table>
            <thead>
              <tr>
                <th scope="col">Figure</th>
                <th scope="col" class="number">
                  Measured
                </th>
                <th scope="col" class="number">
                  Expected
                </th>
              </tr>
            </thead>
            <tbody>
              {figures.map(({ name, value, unit, expected, source }) => (
                <tr key={name}>
                  <td>{name}</td>
                  <td class="number">{sayFigure(value, unit)}</td>
                  <td class="number" title={source}>
                    {expected === undefined ? '' : sayFigure(expected, unit)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </section>
    </div>
  )
}
