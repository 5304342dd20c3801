// XML as AWS's query APIs write it, read strictly: one root, elements and text, nothing else.
// The SDK's own parser takes whatever looks like tags, and drops the name of the root.
// https://www.w3.org/TR/xml/ 2.1 (well-formed), 2.4 (text), 4.6 (predefined entities)

export type XmlElement = {
  readonly name: string
  /** The value of `xmlns`; undefined where the element has none. */
  readonly namespace: string | undefined
  /** Decoded text; '' for an element that holds elements. */
  readonly text: string
  readonly children: readonly XmlElement[]
}

type Open = {
  readonly name: string
  readonly namespace: string | undefined
  text: string
  readonly children: XmlElement[]
}

const declaration = /^\uFEFF?(?:<\?xml [^<>]*\?>)?\s*/
const token =
  /<(\/?)([A-Za-z_][\w.-]*)((?:\s+[A-Za-z_][\w.:-]*\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|([^<]+)/y
const namespaceOf = /\sxmlns\s*=\s*(?:"([^"]*)"|'([^']*)')/
// XML 1.0 allows tab, line feed and carriage return of the control characters.
// eslint-disable-next-line no-control-regex
const forbidden = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF\uFFFD]/
const deepest = 16

const named: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
}

/** Text with its references replaced; undefined where one is none of XML's own. */
function decoded(text: string): string | undefined {
  if (!text.includes('&')) return text
  if (/&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[\dA-Fa-f]{1,6});)/.test(text)) return undefined
  return text.replace(/&(?:#x([\dA-Fa-f]+)|#(\d+)|(\w+));/g, (whole, hex, decimal, name) => {
    if (typeof name === 'string') return named[name] ?? whole
    const code = typeof hex === 'string' ? parseInt(hex, 16) : Number(decimal)
    return code <= 0x10_ff_ff ? String.fromCodePoint(code) : whole
  })
}

/**
 * The root element of `text`. Refused are comments, CDATA, instructions, document types, attributes
 * below the root, text beside elements, and anything behind the root: AWS sends none of them, and
 * each could hide a part of a list from one of two parsers.
 * @returns undefined when `text` is not such a document
 */
export function readXml(text: string): XmlElement | undefined {
  if (forbidden.test(text)) return undefined
  token.lastIndex = declaration.exec(text)?.[0].length ?? 0
  const open: Open[] = []
  let root: XmlElement | undefined
  while (token.lastIndex < text.length) {
    const match = token.exec(text)
    if (match === null) return undefined
    const [, slash, name, attributes = '', selfClosed, characters] = match
    const parent = open.at(-1)
    if (characters !== undefined) {
      if (parent !== undefined) parent.text += characters
      else if (characters.trim() !== '') return undefined
      continue
    }
    if (name === undefined || (slash === '/' && (attributes !== '' || selfClosed === '/')))
      return undefined
    if (slash !== '/') {
      if (root !== undefined || open.length >= deepest) return undefined
      if (parent !== undefined && attributes !== '') return undefined
      const found = namespaceOf.exec(attributes)
      open.push({ name, namespace: found?.[1] ?? found?.[2], text: '', children: [] })
      if (selfClosed !== '/') continue
    }
    const ended = open.pop()
    if (ended?.name !== name) return undefined
    const isLeaf = ended.children.length === 0
    if (!isLeaf && ended.text.trim() !== '') return undefined
    const content = isLeaf ? decoded(ended.text) : ''
    if (content === undefined) return undefined
    const element = { ...ended, text: content }
    const above = open.at(-1)
    if (above === undefined) root = element
    else above.children.push(element)
  }
  return open.length === 0 ? root : undefined
}
