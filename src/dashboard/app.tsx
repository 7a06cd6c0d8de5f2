import type { JSX } from 'preact'
import { useCallback, useMemo, useState } from 'preact/hooks'
import { connectApi, wantsToken } from './api.ts'
import { Dashboard } from './dashboard.tsx'
import { forgetToken, keepToken, takeToken } from './session.ts'
import { TokenForm } from './token-form.tsx'

/** The page: the dashboard, or the form for the token where the daemon wants one. */
export function App(): JSX.Element {
  const [token, setToken] = useState(takeToken)
  const [isRefused, setIsRefused] = useState(false)
  const api = useMemo(() => connectApi(token), [token])
  const onRefused = useCallback(() => {
    forgetToken()
    setIsRefused(true)
  }, [])
  const tryToken = useCallback(async (given: string): Promise<string | undefined> => {
    const fault = await faultOf(given)
    if (fault !== undefined) return fault
    keepToken(given)
    setToken(given)
    setIsRefused(false)
    return undefined
  }, [])
  if (isRefused) return <TokenForm wasGiven={token !== undefined} onToken={tryToken} />
  return <Dashboard api={api} onRefused={onRefused} />
}

/** What is wrong with a token; `undefined`: the daemon takes it, or says nothing of it. */
async function faultOf(token: string): Promise<string | undefined> {
  try {
    await connectApi(token).status({})
    return undefined
  } catch (error) {
    return wantsToken(error) ? 'The daemon does not take this token.' : undefined
  }
}
