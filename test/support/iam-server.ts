// An IAM-compatible HTTP server: the query protocol, pages, errors and faults on demand. The real SDK
// speaks to it. Runs inside of a test or as a program:
//   node test/support/iam-server.ts --port 4566        (prints its URL as one JSON line)
// where POST /_test/NAME with a JSON array calls the method NAME of IamServer.
import { createHash, randomUUID } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import * as z from 'zod'

type Key = {
  readonly id: string
  readonly body: string
  status: 'Active' | 'Inactive'
  readonly uploadedAt: Date
}
type User = {
  readonly id: string
  readonly name: string
  readonly createdAt: Date
  readonly keys: Key[]
  readonly tags: Map<string, string>
  mfa: boolean
}
type Group = {
  readonly id: string
  readonly name: string
  readonly createdAt: Date
  readonly members: Set<string>
}

/**
 * `hang` never answers, `close` cuts the connection, foreign ones are no answers, the rest are errors;
 * `gone`: IAM's own word that there is no such user.
 */
export type Fault =
  | 'throttle'
  | 'denied'
  | 'gone'
  | 'skew'
  | 'error'
  | 'hang'
  | 'close'
  | 'no-credentials'
  | ForeignFault

export const foreignFaults = [
  'page',
  'page-xml',
  'empty',
  'cut',
  'other-action',
  'other-name',
  'no-request-id',
  'no-list',
  'no-marker',
  'empty-marker',
  'same-marker',
  'foreign-absence',
  'redirect',
] as const
/** An HTTP 200, or an absence, that proves nothing. */
export type ForeignFault = (typeof foreignFaults)[number]

function foreign(kind: Fault | undefined): ForeignFault | undefined {
  return foreignFaults.find((each) => each === kind)
}

export type IamServer = {
  readonly url: string
  readonly addUser: (name: string, groups?: readonly string[], createdAt?: string) => string
  readonly deleteUser: (name: string) => void
  /** As UpdateUser: the UserId, keys, tags and memberships stay. */
  readonly renameUser: (name: string, to: string) => void
  readonly addGroup: (name: string) => string
  readonly deleteGroup: (name: string) => void
  readonly addToGroup: (user: string, group: string) => void
  readonly removeFromGroup: (user: string, group: string) => void
  readonly uploadKey: (user: string, body: string) => string
  readonly setKeyStatus: (user: string, id: string, status: 'Active' | 'Inactive') => void
  readonly tagUser: (user: string, key: string, value: string) => void
  readonly setMfa: (user: string, mfa: boolean) => void
  /** A fault for one action ("GetGroup"), of one name ("GetGroup dba"), or "*"; undefined heals. */
  readonly setFault: (action: string, fault?: Fault) => void
  /** Runs `change` once, when the next call of the action arrives, before it is answered. */
  readonly atNext: (action: string, change: () => void) => void
  /** Calls per action since the last reset. */
  readonly calls: () => Readonly<Record<string, number>>
  readonly resetCalls: () => void
  /** Milliseconds from the first request since the start, or resetCalls, to the end of the last answer. */
  readonly busyMs: () => number
  /** The Authorization header of the last call. */
  readonly authorization: () => string
  readonly setPageSize: (size: number) => void
  readonly stop: () => Promise<void>
}

class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

const account = '123456789012'
const escapes: Readonly<Record<string, string>> = {
  '<': '&lt;',
  '>': '&gt;',
  '&': '&amp;',
  '"': '&quot;',
}
const xml = (text: string): string =>
  text.replace(/[<>&"]/g, (character) => escapes[character] ?? character)
const idOf = (prefix: string, text: string): string =>
  prefix + createHash('sha256').update(text).digest('hex').toUpperCase().slice(0, 17)

const faults: Readonly<Record<string, readonly [number, string, (action: string) => string]>> = {
  throttle: [400, 'Throttling', () => 'Rate exceeded'],
  denied: [
    403,
    'AccessDenied',
    (action) =>
      `User: arn:aws:sts::${account}:assumed-role/host/i-1 is not authorized to perform: iam:${action} on resource: group developers because no identity-based policy allows the iam:${action} action`,
  ],
  gone: [404, 'NoSuchEntity', () => 'The user with that name cannot be found.'],
  skew: [
    403,
    'SignatureDoesNotMatch',
    () => 'Signature expired: 20200101T000000Z is now earlier than 20260101T000000Z',
  ],
  error: [500, 'ServiceFailure', () => 'internal failure'],
  'no-credentials': [
    403,
    'InvalidClientTokenId',
    () => 'The security token included in the request is invalid',
  ],
}

const namespaces: Readonly<Record<string, string>> = {
  AssumeRole: 'https://sts.amazonaws.com/doc/2011-06-15/',
}
const defaultNamespace = 'https://iam.amazonaws.com/doc/2010-05-08/'
const signIn = '<html xmlns="http://www.w3.org/1999/xhtml"><body>sign in</body></html>'

/** The document that a fault makes of a sound one, its HTTP status and its content type. */
function spoil(kind: ForeignFault | undefined, sound: string): readonly [number, string, string] {
  const xmlOf = (body: string): readonly [number, string, string] => [200, 'text/xml', body]
  const truncated = (marker: string): string =>
    sound
      .replace(/<Marker>[^<]*<\/Marker>/, '')
      .replace(/<IsTruncated>\w+<\/IsTruncated>/, `<IsTruncated>true</IsTruncated>${marker}`)
  switch (kind) {
    case 'page':
      return [200, 'text/html', '<!DOCTYPE html><html><head><body>Please sign in</body></html>']
    case 'page-xml':
      return [200, 'text/html', signIn]
    case 'redirect':
      return [302, 'text/html', signIn]
    case 'foreign-absence':
      return [404, 'text/xml', '<Error><Code>NoSuchEntity</Code><Message>gone</Message></Error>']
    case 'empty':
      return xmlOf('')
    case 'cut':
      return xmlOf(sound.slice(0, sound.length / 2))
    case 'other-action':
      return xmlOf(sound.replaceAll(/<(\/?)\w+(Response|Result)\b/g, '<$1GetUser$2'))
    case 'other-name':
      return xmlOf(sound.replaceAll(/<(User|Group)Name>/g, '<$1Name>other'))
    case 'no-request-id':
      return xmlOf(sound.replace(/<RequestId>.*<\/RequestId>/, ''))
    case 'no-list':
      return xmlOf(sound.replace(/<(Users|SSHPublicKeys|Tags|MFADevices)>.*<\/\1>/s, ''))
    case 'no-marker':
      return xmlOf(truncated(''))
    case 'empty-marker':
      return xmlOf(truncated('<Marker></Marker>'))
    case 'same-marker':
      return xmlOf(truncated('<Marker>0</Marker>'))
    case undefined:
      return xmlOf(sound)
  }
}

/** Starts the server on a loopback port; 0 chooses a free one. */
export async function startIamServer(port = 0): Promise<IamServer> {
  const users = new Map<string, User>()
  const groups = new Map<string, Group>()
  const fault = new Map<string, Fault>()
  const changes = new Map<string, () => void>()
  const calls: Record<string, number> = {}
  let [firstAt, lastAt] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  let pageSize = 100
  let serial = 0
  let lastAuthorization = ''

  const missing = (kind: string, name: string): ApiError =>
    new ApiError(404, 'NoSuchEntity', `The ${kind} with name ${name} cannot be found.`)
  const userOf = (name: string): User => {
    const user = users.get(name)
    if (user === undefined) throw missing('user', name)
    return user
  }
  const groupOf = (name: string): Group => {
    const group = groups.get(name)
    if (group === undefined) throw missing('group', name)
    return group
  }
  const userXml = ({ name, id, createdAt }: User): string =>
    `<Path>/</Path><UserName>${xml(name)}</UserName><UserId>${id}</UserId>` +
    `<Arn>arn:aws:iam::${account}:user/${xml(name)}</Arn><CreateDate>${createdAt.toISOString()}</CreateDate>`
  const groupXml = ({ name, id, createdAt }: Group): string =>
    `<Path>/</Path><GroupName>${xml(name)}</GroupName><GroupId>${id}</GroupId>` +
    `<Arn>arn:aws:iam::${account}:group/${xml(name)}</Arn><CreateDate>${createdAt.toISOString()}</CreateDate>`

  const paged = <T>(
    query: URLSearchParams,
    tag: string,
    items: readonly T[],
    show: (item: T) => string,
  ): string => {
    const start = Number(query.get('Marker') ?? 0)
    const size = Math.min(Number(query.get('MaxItems') ?? 100), pageSize)
    const more = start + size < items.length
    const members = items.slice(start, start + size).map((item) => `<member>${show(item)}</member>`)
    return (
      `<${tag}>${members.join('')}</${tag}><IsTruncated>${String(more)}</IsTruncated>` +
      (more ? `<Marker>${start + size}</Marker>` : '')
    )
  }

  const actions: Readonly<Record<string, (query: URLSearchParams) => string>> = {
    GetGroup: (query) => {
      const group = groupOf(query.get('GroupName') ?? '')
      const members = [...group.members].flatMap((name) => users.get(name) ?? [])
      return `<Group>${groupXml(group)}</Group>${paged(query, 'Users', members, userXml)}`
    },
    GetUser: (query) => `<User>${userXml(userOf(query.get('UserName') ?? ''))}</User>`,
    ListUsers: (query) => paged(query, 'Users', [...users.values()], userXml),
    ListSSHPublicKeys: (query) =>
      paged(
        query,
        'SSHPublicKeys',
        userOf(query.get('UserName') ?? '').keys,
        (key) =>
          `<UserName>${xml(query.get('UserName') ?? '')}</UserName><SSHPublicKeyId>${key.id}</SSHPublicKeyId>` +
          `<Status>${key.status}</Status><UploadDate>${key.uploadedAt.toISOString()}</UploadDate>`,
      ),
    GetSSHPublicKey: (query) => {
      const user = userOf(query.get('UserName') ?? '')
      const key = user.keys.find(({ id }) => id === query.get('SSHPublicKeyId'))
      if (key === undefined) throw missing('Public Key', query.get('SSHPublicKeyId') ?? '')
      return (
        `<SSHPublicKey><UserName>${xml(user.name)}</UserName><SSHPublicKeyId>${key.id}</SSHPublicKeyId>` +
        `<Fingerprint>00:00</Fingerprint><SSHPublicKeyBody>${xml(key.body)}</SSHPublicKeyBody>` +
        `<Status>${key.status}</Status><UploadDate>${key.uploadedAt.toISOString()}</UploadDate></SSHPublicKey>`
      )
    },
    ListUserTags: (query) =>
      paged(
        query,
        'Tags',
        [...userOf(query.get('UserName') ?? '').tags],
        ([key, value]) => `<Key>${xml(key)}</Key><Value>${xml(value)}</Value>`,
      ),
    // STS: who takes the role gets keys that are as good as any here.
    AssumeRole: (query) =>
      `<Credentials><AccessKeyId>ASIA${query.get('ExternalId') ?? ''}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>` +
      `<SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>` +
      `<AssumedRoleUser><AssumedRoleId>AROA:iamlogin</AssumedRoleId><Arn>${xml(query.get('RoleArn') ?? '')}</Arn></AssumedRoleUser>`,
    ListMFADevices: (query) =>
      paged(
        query,
        'MFADevices',
        userOf(query.get('UserName') ?? '').mfa ? ['arn:aws:iam::123456789012:mfa/device'] : [],
        (serialNumber) =>
          `<UserName>${xml(query.get('UserName') ?? '')}</UserName><SerialNumber>${serialNumber}</SerialNumber><EnableDate>2026-01-01T00:00:00Z</EnableDate>`,
      ),
  }

  const answer = (
    response: ServerResponse,
    status: number,
    body: string,
    type = 'text/xml',
  ): void => {
    response.writeHead(status, {
      'content-type': type,
      'x-amzn-requestid': `req-${++serial}`,
    })
    response.end(body)
  }
  const refuse = (
    response: ServerResponse,
    status: number,
    code: string,
    message: string,
  ): void => {
    answer(
      response,
      status,
      `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type>` +
        `<Code>${code}</Code><Message>${xml(message)}</Message></Error><RequestId>r</RequestId></ErrorResponse>`,
    )
  }

  const handle = (
    body: string,
    authorization: string | undefined,
    response: ServerResponse,
  ): void => {
    const query = new URLSearchParams(body)
    const action = query.get('Action') ?? ''
    calls[action] = (calls[action] ?? 0) + 1
    const change = changes.get(action)
    changes.delete(action)
    change?.()
    lastAuthorization = authorization ?? ''
    const name = query.get('GroupName') ?? query.get('UserName') ?? ''
    const kind = fault.get(`${action} ${name}`) ?? fault.get(action) ?? fault.get('*')
    if (kind === 'hang') return
    if (kind === 'close') {
      response.destroy()
      return
    }
    const told = faults[kind ?? '']
    if (told !== undefined) {
      refuse(response, told[0], told[1], told[2](action))
      return
    }
    if (authorization?.startsWith('AWS4-HMAC-SHA256 Credential=') !== true) {
      refuse(response, 403, 'MissingAuthenticationToken', 'Request is missing Authentication Token')
      return
    }
    try {
      const run = actions[action]
      if (run === undefined) throw new ApiError(400, 'InvalidAction', `no action ${action}`)
      const result = run(query)
      const [status, type, body] = spoil(
        foreign(kind),
        `<${action}Response xmlns="${namespaces[action] ?? defaultNamespace}"><${action}Result>${result}` +
          `</${action}Result><ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata></${action}Response>`,
      )
      answer(response, status, body, type)
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      refuse(response, error.status, error.code, error.message)
    }
  }

  const methods: Omit<IamServer, 'url' | 'stop'> = {
    addUser: (name, inGroups = [], createdAt) => {
      const created =
        createdAt === undefined
          ? new Date(Date.UTC(2026, 0, 1) + users.size * 1000)
          : new Date(createdAt)
      const id = idOf('AIDA', `${name} ${++serial}`)
      users.set(name, { id, name, createdAt: created, keys: [], tags: new Map(), mfa: false })
      for (const group of inGroups) {
        if (!groups.has(group)) methods.addGroup(group)
        groupOf(group).members.add(name)
      }
      return id
    },
    renameUser: (name, to) => {
      const user = userOf(name)
      users.delete(name)
      users.set(to, { ...user, name: to })
      for (const { members } of groups.values()) if (members.delete(name)) members.add(to)
    },
    deleteUser: (name) => {
      users.delete(name)
      for (const group of groups.values()) group.members.delete(name)
    },
    addGroup: (name) => {
      const id = idOf('AGPA', name)
      groups.set(name, { id, name, createdAt: new Date(Date.UTC(2026, 0, 1)), members: new Set() })
      return id
    },
    deleteGroup: (name) => {
      groups.delete(name)
    },
    addToGroup: (user, group) => {
      groupOf(group).members.add(userOf(user).name)
    },
    removeFromGroup: (user, group) => {
      groupOf(group).members.delete(user)
    },
    uploadKey: (user, body) => {
      const id = idOf('APKA', `${user} ${body} ${++serial}`)
      userOf(user).keys.push({
        id,
        body: body.trim(),
        status: 'Active',
        uploadedAt: new Date(Date.UTC(2026, 1, 1)),
      })
      return id
    },
    setKeyStatus: (user, id, status) => {
      const key = userOf(user).keys.find((each) => each.id === id)
      if (key === undefined) throw missing('Public Key', id)
      key.status = status
    },
    tagUser: (user, key, value) => {
      userOf(user).tags.set(key, value)
    },
    setMfa: (user, mfa) => {
      userOf(user).mfa = mfa
    },
    setFault: (action, kind) => {
      if (kind === undefined) fault.delete(action)
      else fault.set(action, kind)
    },
    atNext: (action, change) => {
      changes.set(action, change)
    },
    calls: () => ({ ...calls }),
    busyMs: () => Math.max(0, lastAt - firstAt),
    resetCalls: () => {
      firstAt = Number.POSITIVE_INFINITY
      lastAt = Number.NEGATIVE_INFINITY
      for (const action of Object.keys(calls)) Reflect.deleteProperty(calls, action)
    },
    authorization: () => lastAuthorization,
    setPageSize: (size) => {
      pageSize = size
    },
  }

  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const body = Buffer.concat(parts).toString()
      const control = /^\/_test\/(\w+)$/.exec(request.url ?? '')
      if (control === null) {
        firstAt = Math.min(firstAt, performance.now())
        response.once('finish', () => {
          lastAt = performance.now()
        })
        handle(body, request.headers.authorization, response)
        return
      }
      const method: unknown = Object.getOwnPropertyDescriptor(methods, control[1] ?? '')?.value
      const run = z.function().parse(method) as (...input: unknown[]) => unknown
      const result = run(...z.array(z.unknown()).parse(JSON.parse(body === '' ? '[]' : body)))
      response.end(JSON.stringify(result ?? null))
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve)
  })
  const address = server.address()
  const bound = typeof address === 'object' && address !== null ? address.port : port
  return {
    ...methods,
    url: `http://127.0.0.1:${bound}`,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => {
          resolve()
        })
      }),
  }
}

if (import.meta.main) {
  const at = process.argv.indexOf('--port')
  const server = await startIamServer(at < 0 ? 0 : Number(process.argv[at + 1]))
  process.stdout.write(`${JSON.stringify({ url: server.url })}\n`)
}
