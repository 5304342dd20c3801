// XML as AWS's query APIs write it, read strictly: one root, elements and text, nothing else.
// The SDK's own parser takes whatever looks like tags, and drops the name of the root.
import { SaxesParser, type SaxesTagPlain } from 'saxes'

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

const deepest = 16

class NotOurs extends Error {}

function refuse(): never {
  throw new NotOurs('not a document as AWS writes it')
}

function openTag({ name, attributes }: SaxesTagPlain, depth: number): Open {
  if (depth >= deepest || (depth > 0 && Object.keys(attributes).length > 0)) refuse()
  return { name, namespace: attributes['xmlns'], text: '', children: [] }
}

function closeTag({ name, namespace, text, children }: Open): XmlElement {
  const isLeaf = children.length === 0
  if (!isLeaf && text.trim() !== '') refuse()
  return { name, namespace, text: isLeaf ? text : '', children }
}

/**
 * The root element of `text`. Refused are what is not well-formed, and comments, CDATA, instructions,
 * document types, attributes below the root and text beside elements: AWS sends none of them, and
 * each could hide a part of a list from one of two parsers.
 * @returns undefined when `text` is not such a document
 */
export function readXml(text: string): XmlElement | undefined {
  // What was no UTF-8 became this character.
  if (text.includes('\uFFFD')) return undefined
  const parser = new SaxesParser({ xmlns: false })
  const open: Open[] = []
  let root: XmlElement | undefined
  for (const event of ['comment', 'cdata', 'doctype', 'processinginstruction'] as const)
    parser.on(event, refuse)
  parser.on('error', refuse)
  parser.on('opentag', (tag) => open.push(openTag(tag, open.length)))
  parser.on('text', (part) => {
    const parent = open.at(-1)
    if (parent !== undefined) parent.text += part
  })
  parser.on('closetag', () => {
    const ended = open.pop()
    if (ended === undefined) return
    const element = closeTag(ended)
    const parent = open.at(-1)
    if (parent === undefined) root = element
    else parent.children.push(element)
  })
  try {
    parser.write(text).close()
  } catch (error) {
    if (error instanceof NotOurs) return undefined
    throw error
  }
  return root
}
