import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'

/** Light, dark, or as the system says. */
export type Theme = 'system' | 'light' | 'dark'

const THEMES: readonly Theme[] = ['system', 'light', 'dark']
const STORED = 'kadmium-theme'

/** The theme that was chosen before. */
export function storedTheme(): Theme {
  const stored = localStorage.getItem(STORED)
  return THEMES.find((theme) => theme === stored) ?? 'system'
}

/** Puts a theme on the page. */
export function applyTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
}

/** The theme in force, `light` or `dark`: changes with the choice and with the system. */
export function useThemeInForce(chosen: Theme): 'light' | 'dark' {
  const [query] = useState(() => matchMedia('(prefers-color-scheme: dark)'))
  const [isDark, setIsDark] = useState(query.matches)
  useEffect(() => {
    const onChange = (): void => setIsDark(query.matches)
    query.addEventListener('change', onChange)
    return () => query.removeEventListener('change', onChange)
  }, [query])
  if (chosen !== 'system') return chosen
  return isDark ? 'dark' : 'light'
}

/** Chooses the theme. */
export function ThemeChoice(props: {
  readonly theme: Theme
  readonly onChange: (theme: Theme) => void
}): JSX.Element {
  const { theme: current, onChange } = props
  const choose = (theme: Theme): void => {
    localStorage.setItem(STORED, theme)
    applyTheme(theme)
    onChange(theme)
  }
  return (
    <fieldset class="choice">
      <legend class="unseen">Colours</legend>
      {THEMES.map((theme) => (
        <label key={theme}>
          <input
            type="radio"
            name="theme"
            checked={theme === current}
            onChange={() => choose(theme)}
          />
          <span>{NAMES[theme]}</span>
        </label>
      ))}
    </fieldset>
  )
}

const NAMES: Readonly<Record<Theme, string>> = { system: 'Auto', light: 'Light', dark: 'Dark' }
