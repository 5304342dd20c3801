// What nsswitch.conf should say so that libc asks iamlogin after the local files. Pure: text to text.

export type NsswitchEdit = {
  /** The whole file; byte for byte the one given where nothing is to be done. */
  readonly text: string
  /** `line N: found; fix` of every line that cannot be edited safely: then use nothing of `text`. */
  readonly refused: readonly string[]
}

type Database = (typeof databases)[number]
type Action = (typeof actionWords)[number]
type Status = (typeof statuses)[number]
type Actions = Readonly<Record<Status, Action>>
/** A service of a line with its actions; offsets into the line. */
type Service = {
  readonly name: string
  readonly end: number
  readonly actions: Actions
  /** Whether the line gives actions of its own for this service. */
  readonly explicit: boolean
}

const actionWords = ['return', 'continue', 'merge'] as const
const databases = ['passwd', 'group', 'initgroups'] as const
const statuses = ['SUCCESS', 'NOTFOUND', 'UNAVAIL', 'TRYAGAIN'] as const
/** nsswitch.conf(5): without actions the first service that has an answer ends the lookup. */
const byDefault: Actions = {
  SUCCESS: 'return',
  NOTFOUND: 'continue',
  UNAVAIL: 'continue',
  TRYAGAIN: 'continue',
}

/** Actions `[STATUS=action !STATUS=action ...]` on top of those before; undefined when they are none. */
function apply(actions: Actions, bracket: string): Actions | undefined {
  const result: Record<Status, Action> = { ...actions }
  for (const word of bracket.slice(1, -1).trim().split(/\s+/)) {
    const [, not, name = '', does = ''] = /^(!?)([a-z]+)=([a-z]+)$/i.exec(word) ?? []
    const status = statuses.find((each) => each === name.toUpperCase())
    const action = actionWords.find((each) => each === does.toLowerCase())
    if (status === undefined || action === undefined) return undefined
    for (const each of statuses) if ((each === status) === (not === '')) result[each] = action
  }
  return result
}

/** The services of the part behind the colon, which begins at `offset`; undefined when it is malformed. */
function servicesOf(list: string, offset: number): readonly Service[] | undefined {
  const services: Service[] = []
  for (const match of list.matchAll(/\[[^\]]*\]|[^\s[]+|\[/g)) {
    const [token] = match
    const end = offset + match.index + token.length
    if (!token.startsWith('[')) {
      services.push({ name: token, end, actions: byDefault, explicit: false })
      continue
    }
    const last = services.pop()
    const actions = last && apply(last.actions, token)
    if (last === undefined || actions === undefined) return undefined
    services.push({ ...last, end, actions, explicit: true })
  }
  return services
}

/** What ours does after an answer: the same as files, so that what follows is asked as before. */
function wordsFor(files: Service, database: Database, isLast: boolean): string {
  // For initgroups glibc ends at the first service that knows a group, such as a local one.
  const first = database === 'initgroups' && !files.explicit ? ' [SUCCESS=continue]' : ''
  const { SUCCESS } = files.actions
  return `${first} iamlogin${SUCCESS === 'return' || isLast ? '' : ` [SUCCESS=${SUCCESS}]`}`
}

type LineEdit = { readonly text: string } | { readonly refused: string }

function editLine(line: string, database: Database): LineEdit {
  const [content = ''] = line.split('#')
  const offset = content.indexOf(':') + 1
  const services = servicesOf(content.slice(offset), offset)
  if (services === undefined) return { refused: `"${content.trim()}" is not of nsswitch.conf(5)` }
  const at = services.findIndex(({ name }) => name === 'files' || name === 'compat')
  const ours = services.findIndex(({ name }) => name === 'iamlogin')
  const files = services[at]
  if (files === undefined)
    return ours >= 0 ? { text: line } : { refused: 'has no service files to put iamlogin after' }
  const insert = (words: string): LineEdit => ({
    text: line.slice(0, files.end) + words + line.slice(files.end),
  })
  const { SUCCESS, NOTFOUND } = files.actions
  if (NOTFOUND === 'return')
    return {
      refused: `ends the lookup after ${files.name} ([NOTFOUND=return]): remove that action`,
    }
  if (database === 'initgroups' && files.explicit && SUCCESS === 'return')
    return {
      refused: `ends the lookup at the first local group: write ${files.name} [SUCCESS=continue]`,
    }
  if (ours >= 0 && ours < at)
    return { refused: `asks iamlogin before ${files.name}: move it behind ${files.name}` }
  if (ours >= 0)
    return database === 'initgroups' && !files.explicit
      ? insert(' [SUCCESS=continue]')
      : { text: line }
  return insert(wordsFor(files, database, at === services.length - 1))
}

function databaseOf(line: string): Database | undefined {
  const [, name] = /^\s*([a-z]+)\s*:/.exec(line) ?? []
  return databases.find((each) => each === name)
}

/**
 * Puts iamlogin behind files on the lines for passwd and group, and on one for initgroups where there is
 * one (without it, glibc takes the services of group for both). Actions stay with their service.
 * Doing it twice changes nothing. nsswitch.conf(5).
 */
export function editNsswitch(text: string): NsswitchEdit {
  const refused: string[] = []
  const lines = text.split('\n').map((line, index) => {
    const database = databaseOf(line)
    const edit = database === undefined ? { text: line } : editLine(line, database)
    if ('text' in edit) return edit.text
    refused.push(`line ${index + 1}: ${database} ${edit.refused}`)
    return line
  })
  const present = new Set(lines.map(databaseOf))
  const missing = (['passwd', 'group'] as const)
    .filter((database) => !present.has(database))
    .map((database) => `${database}: files iamlogin\n`)
  const whole = lines.join('\n')
  const gap = missing.length > 0 && whole !== '' && !whole.endsWith('\n') ? '\n' : ''
  return { text: whole + gap + missing.join(''), refused }
}
