// What must be in an answer of each AWS action that we call: the API references of IAM, STS, SNS and
// EC2 say it ("Response Elements"). Pure: a document and the request's input -> the first flaw.
import type { XmlElement } from './xml.ts'

type Input = Readonly<Record<string, unknown>>
/** Tells what is wrong with the fields of an answer; undefined when nothing is. */
type Check = (fields: XmlElement, input: Input) => string | undefined

export type Service = {
  /** As in the action `iam:GetGroup`. */
  readonly prefix: string
  readonly namespace: string
  /** Where the fields, the request id and errors are: AWS query, or EC2's variant of it. */
  readonly protocol: 'query' | 'ec2'
  readonly actions: Readonly<Record<string, Check>>
}

export function childrenOf(element: XmlElement, name: string): readonly XmlElement[] {
  return element.children.filter((child) => child.name === name)
}

/** The one child of that name; undefined where there is none, or more than one. */
export function childOf(element: XmlElement, name: string): XmlElement | undefined {
  const [first, ...more] = childrenOf(element, name)
  return more.length === 0 ? first : undefined
}

/** The text of the one child of that name; '' where there is none. */
export function textOf(element: XmlElement | undefined, name: string): string {
  return (element === undefined ? undefined : childOf(element, name))?.text.trim() ?? ''
}

/** "Names are not distinguished by case" (IAM API reference, CreateUser and CreateGroup). */
export function isSameName(a: string, b: unknown): boolean {
  return typeof b === 'string' && a.toLowerCase() === b.toLowerCase()
}

function firstFlaw<T>(
  items: readonly T[],
  check: (item: T) => string | undefined,
): string | undefined {
  for (const item of items) {
    const flaw = check(item)
    if (flaw !== undefined) return flaw
  }
  return undefined
}

/** Every name once, so that no two parsers take different ones. */
function repeated(fields: XmlElement): string | undefined {
  const names = new Set<string>()
  return firstFlaw(fields.children, ({ name }) => {
    if (names.has(name)) return `more than one ${name} in ${fields.name}`
    names.add(name)
    return undefined
  })
}

function required(fields: XmlElement, names: readonly string[]): string | undefined {
  return (
    repeated(fields) ??
    firstFlaw(names, (name) =>
      textOf(fields, name) === '' ? `no ${name} in ${fields.name}` : undefined,
    )
  )
}

/** A list is its own element, with nothing but its items: an empty list has the element as well. */
function list(
  fields: XmlElement,
  name: string,
  item: { readonly tag: string; readonly check: (item: XmlElement) => string | undefined },
): string | undefined {
  const element = childOf(fields, name)
  if (element === undefined) return `no ${name}`
  if (element.text.trim() !== '') return `text in ${name}`
  return firstFlaw(element.children, (child) =>
    child.name === item.tag ? item.check(child) : `<${child.name}> in ${name}`,
  )
}

/**
 * Truncated with a marker for the rest, or complete without one. IsTruncated is optional in the API's
 * model, and emulators leave it out where it is false.
 */
function whole(fields: XmlElement): string | undefined {
  const truncated = textOf(fields, 'IsTruncated')
  const marker = textOf(fields, 'Marker')
  if (!/^(true|false|)$/.test(truncated)) return 'an IsTruncated that is neither true nor false'
  if (truncated === 'true') return marker === '' ? 'truncated, without a Marker' : undefined
  return marker === '' ? undefined : 'a Marker, although it is not truncated'
}

function page(
  name: string,
  check: (member: XmlElement, input: Input) => string | undefined,
): Check {
  return (fields, input) =>
    repeated(fields) ??
    list(fields, name, { tag: 'member', check: (member) => check(member, input) }) ??
    whole(fields)
}

function isDate(text: string): boolean {
  return !Number.isNaN(Date.parse(text))
}

function dated(fields: XmlElement, name: string): string | undefined {
  const text = textOf(fields, name)
  return text === '' || isDate(text) ? undefined : `${name} is no date`
}

const user = (member: XmlElement): string | undefined =>
  required(member, ['UserId', 'UserName', 'Arn', 'CreateDate']) ?? dated(member, 'CreateDate')

function ofUser(member: XmlElement, { UserName }: Input): string | undefined {
  const named = textOf(member, 'UserName')
  return isSameName(named, UserName) ? undefined : `it is of the user ${named}`
}

const groupMembers = page('Users', user)

const iamActions: Readonly<Record<string, Check>> = {
  GetGroup: (fields, input) => {
    const group = childOf(fields, 'Group')
    if (group === undefined) return 'no Group'
    const flaw = required(group, ['GroupId', 'GroupName', 'Arn', 'CreateDate'])
    if (flaw !== undefined) return flaw
    const named = textOf(group, 'GroupName')
    if (!isSameName(named, input['GroupName'])) return `it is of the group ${named}`
    return dated(group, 'CreateDate') ?? groupMembers(fields, input)
  },
  GetUser: (fields, input) => {
    const found = childOf(fields, 'User')
    return found === undefined ? 'no User' : (user(found) ?? ofUser(found, input))
  },
  ListUsers: page('Users', user),
  ListSSHPublicKeys: page(
    'SSHPublicKeys',
    (member, input) =>
      required(member, ['UserName', 'SSHPublicKeyId', 'Status']) ??
      (/^(Active|Inactive)$/.test(textOf(member, 'Status'))
        ? (dated(member, 'UploadDate') ?? ofUser(member, input))
        : 'a Status that is neither Active nor Inactive'),
  ),
  GetSSHPublicKey: (fields, input) => {
    const key = childOf(fields, 'SSHPublicKey')
    if (key === undefined) return 'no SSHPublicKey'
    const flaw = required(key, ['UserName', 'SSHPublicKeyId', 'SSHPublicKeyBody', 'Status'])
    if (flaw !== undefined) return flaw
    const id = textOf(key, 'SSHPublicKeyId')
    return id === input['SSHPublicKeyId'] ? ofUser(key, input) : `it is the key ${id}`
  },
  // Its answer does not say whose tags they are.
  ListUserTags: page(
    'Tags',
    (member) =>
      required(member, ['Key']) ??
      (childOf(member, 'Value') === undefined ? 'a tag without Value' : undefined),
  ),
  ListMFADevices: page(
    'MFADevices',
    (member, input) => required(member, ['UserName', 'SerialNumber']) ?? ofUser(member, input),
  ),
}

function temporaryKeys(fields: XmlElement): string | undefined {
  const keys = childOf(fields, 'Credentials')
  if (keys === undefined) return 'no Credentials'
  return (
    required(keys, ['AccessKeyId', 'SecretAccessKey', 'SessionToken', 'Expiration']) ??
    dated(keys, 'Expiration')
  )
}

/** https://docs.aws.amazon.com/IAM/latest/APIReference/ */
export const iamService: Service = {
  prefix: 'iam',
  namespace: 'https://iam.amazonaws.com/doc/2010-05-08/',
  protocol: 'query',
  actions: iamActions,
}

/** https://docs.aws.amazon.com/STS/latest/APIReference/ */
export const stsService: Service = {
  prefix: 'sts',
  namespace: 'https://sts.amazonaws.com/doc/2011-06-15/',
  protocol: 'query',
  actions: { AssumeRole: temporaryKeys, AssumeRoleWithWebIdentity: temporaryKeys },
}

/** https://docs.aws.amazon.com/sns/latest/api/ */
export const snsService: Service = {
  prefix: 'sns',
  namespace: 'http://sns.amazonaws.com/doc/2010-03-31/',
  protocol: 'query',
  actions: { Publish: (fields) => required(fields, ['MessageId']) },
}

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/ */
export const ec2Service: Service = {
  prefix: 'ec2',
  namespace: 'http://ec2.amazonaws.com/doc/2016-11-15/',
  protocol: 'ec2',
  actions: {
    DescribeTags: (fields) =>
      repeated(fields) ??
      list(fields, 'tagSet', {
        tag: 'item',
        check: (item) => required(item, ['resourceId', 'resourceType', 'key']),
      }),
  },
}
