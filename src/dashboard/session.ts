const STORED = 'kadmium-token'

/**
 * The API's token: from the fragment of the address (`#token=…`), which no browser sends to any server, else what this tab
 * was given before. The fragment is taken off the address, so that it stays neither in the history nor in a copied link.
 */
export function takeToken(): string | undefined {
  const given = new URLSearchParams(location.hash.slice(1)).get('token')
  if (given !== null && given !== '') {
    history.replaceState(null, '', location.pathname + location.search)
    keepToken(given)
    return given
  }
  return sessionStorage.getItem(STORED) ?? undefined
}

/** Keeps the token for as long as the tab lives. */
export function keepToken(token: string): void {
  sessionStorage.setItem(STORED, token)
}

/** Forgets a token that the daemon does not take. */
export function forgetToken(): void {
  sessionStorage.removeItem(STORED)
}
