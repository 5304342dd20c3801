// SSSD in front of the NSS module, by its provider `proxy`: it keeps the module's answers, and
// iamlogin-terminate does not empty it.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The domains in a file of sssd.conf(5) that ask libnss_iamlogin. */
function domainsIn(text: string): readonly string[] {
  let domain: string | undefined
  return text.split('\n').flatMap((line) => {
    const section = /^\s*\[\s*([^\]]*?)\s*\]/.exec(line)?.[1]
    if (section !== undefined) domain = /^domain\/(.+)$/.exec(section)?.[1]
    return domain !== undefined && /^\s*proxy_lib_name\s*=\s*iamlogin\s*$/.test(line)
      ? [domain]
      : []
  })
}

/** Undefined where there is none, and where only root may read it. */
function read<T>(from: () => T): T | undefined {
  try {
    return from()
  } catch {
    return undefined
  }
}

/**
 * One sentence a domain of SSSD that caches our names, with the fix. Only root may read sssd.conf: for
 * others there is none.
 * @param root the folder that stands for `/`
 */
export function sssdFindings(root = ''): readonly string[] {
  const folder = `${root}/etc/sssd`
  const snippets = (read(() => readdirSync(join(folder, 'conf.d'))) ?? [])
    .filter((name) => name.endsWith('.conf') && !name.startsWith('.'))
    .toSorted()
    .map((name) => join(folder, 'conf.d', name))
  return [join(folder, 'sssd.conf'), ...snippets].flatMap((file) =>
    domainsIn(read(() => readFileSync(file, 'utf8')) ?? '').map(
      (domain) =>
        `${file}: the domain ${domain} caches iamlogin's names (proxy_lib_name = iamlogin): deleted users and former sudoers stay known to it, for 90 minutes by default (entry_cache_timeout). Remove the domain and name iamlogin in /etc/nsswitch.conf; until then run sss_cache -E after each such change, which forgets all but the last members of a group that became empty`,
    ),
  )
}
