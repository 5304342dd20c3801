// Which sudo this host has, and what its configuration says of iamlogin.
import { readFileSync, realpathSync } from 'node:fs'
import { sudoKindOf, type SudoFacts, type SudoKind } from '../setup/sudoers.ts'

/** Where distributions put them; /usr/bin/sudo may be an alternative that points at either. */
const places = ['/usr/bin/sudo', '/usr/bin/sudo.ws', '/usr/bin/sudo-rs', '/usr/lib/cargo/bin/sudo']

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function kindAt(path: string): readonly SudoKind[] {
  try {
    return [sudoKindOf(realpathSync(path))]
  } catch {
    return []
  }
}

/** The facts as they are now; `root` is the folder that stands for `/`. */
export function sudoFacts(root = ''): SudoFacts {
  return {
    kinds: new Set(places.flatMap((place) => kindAt(`${root}${place}`))),
    sudoers: read(`${root}/etc/sudoers.d/iamlogin`),
    sudoConf: read(`${root}/etc/sudo.conf`) ?? '',
  }
}
