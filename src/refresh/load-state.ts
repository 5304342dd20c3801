// The state of the last read as the child process finds it; what cannot be used is set aside.
import { FormatError } from '../errors.ts'
import { setAside } from '../platform/set-aside.ts'
import { statePath } from './state-file.ts'
import { decodeState, type LoadedState } from './state.ts'

/**
 * The state in the bytes of directory.json.
 * @param origin the configured source; the directory of another one is not used, but for the given ids
 * @throws {FormatError} when they cannot be used: directory.json of `stateDir` is set aside
 */
export async function loadState(
  bytes: Buffer,
  origin: string,
  stateDir: string,
): Promise<LoadedState> {
  try {
    return decodeState(bytes, origin)
  } catch (error) {
    const path = statePath(stateDir)
    await setAside(path)
    throw new FormatError('format_state', `reading ${path}: it is damaged or of another version`, {
      hint: `what directory.db tells serves until the source is read; the file is kept as ${path}.damaged`,
      cause: error,
    })
  }
}
