import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** The platform's own place for a user's application data; `KADMIUM_HOME` wins. */
export function defaultDataDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const { KADMIUM_HOME, XDG_DATA_HOME, LOCALAPPDATA } = environment
  if (KADMIUM_HOME !== undefined && KADMIUM_HOME !== '') return KADMIUM_HOME
  switch (process.platform) {
    case 'darwin':
      return join(homedir(), 'Library', 'Application Support', 'kadmium')
    case 'win32':
      return join(LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'kadmium')
    default:
      return join(XDG_DATA_HOME ?? join(homedir(), '.local', 'share'), 'kadmium')
  }
}

/** The API's unix socket in a data directory. */
export function socketPath(dataDirectory: string): string {
  return join(resolve(dataDirectory), 'kad.sock')
}

/** The file in a data directory that bears the address of the dashboard while a daemon serves one; mode 0600. */
export function dashboardPath(dataDirectory: string): string {
  return join(resolve(dataDirectory), 'dashboard')
}

/** The socket of the daemon that runs in the default data directory. */
export function defaultSocketPath(): string {
  return socketPath(defaultDataDirectory())
}
