import { render } from 'preact'
import { takeToken } from '../session.ts'
import { applyTheme, storedTheme } from '../theme.tsx'
import { SimulationPage } from './page.tsx'

applyTheme(storedTheme())
const root = document.getElementById('app')
if (root !== null) render(<SimulationPage token={takeToken()} />, root)
