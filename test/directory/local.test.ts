// What is an account to libc is local to us: the vectors that the C side is held to, and libc itself.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  localEntries,
  parseLocalAccounts,
  parseShells,
  type LocalKind,
} from '../../src/directory/local.ts'

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  v: '\v',
  f: '\f',
  r: '\r',
  0: '\0',
  '\\': '\\',
}

function unescape(text: string): string {
  return text.replace(
    /\\(?:x([0-9a-f]{2})|(.))/g,
    (_all, hex: string | undefined, letter: string) =>
      hex === undefined ? (escapes[letter] ?? '') : String.fromCharCode(parseInt(hex, 16)),
  )
}

/** NAME:UID:GID of a passwd, NAME:GID of a group. */
function spelled(text: string, kind: LocalKind): readonly string[] {
  return localEntries(text, kind).map(({ name, id, gid }) =>
    kind === 'passwd' ? `${name}:${id}:${gid}` : `${name}:${id}`,
  )
}

const vectors = readFileSync('test/vectors/local-lines.txt', 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const [kind = '', text = '', accounts = ''] = line.split('\t')
    return { kind: kind as LocalKind, text, accounts }
  })

describe('localEntries', () => {
  it.each(vectors)('reads $kind $text', ({ kind, text, accounts }) => {
    expect(spelled(unescape(text), kind).join(' ')).toBe(unescape(accounts))
  })
})

describe('an id', () => {
  const idOf = (field: string) => localEntries(`a:x:${field}:`, 'group')[0]?.id

  it('may have every blank of isspace(3) before it, and nothing else around it', () => {
    for (const blank of [' ', '\t', '\v', '\f', '\r', ' \t ']) {
      expect(idOf(`${blank}5`)).toBe(5)
      expect(idOf(`5${blank}`)).toBeUndefined()
    }
    for (const field of ['', 'V5', '+', '--5', '5.0', '0x5']) expect(idOf(field)).toBeUndefined()
  })

  it('wraps around where it is negative, as unsigned long does', () => {
    expect(idOf('-18446744073709551615')).toBe(1)
    expect(idOf('-18446744069414584321')).toBe(4_294_967_295)
  })

  it('is the largest of 32 bits where unsigned long, or uid_t, cannot hold it', () => {
    const over = ['4294967296', '18446744073709551615', '18446744073709551616', '9'.repeat(30)]
    for (const field of [...over, ...over.map((each) => `-${each}`).slice(2), '-1'])
      expect(idOf(field)).toBe(field === '-18446744073709551615' ? 1 : 4_294_967_295)
    expect(idOf('4294967295')).toBe(4_294_967_295)
    expect(idOf('4294967294')).toBe(4_294_967_294)
  })
})

describe('a home', () => {
  it('is what a passwd line says, empty where the line ends before it, and no group has one', () => {
    const users = localEntries('a:x:1:1:A:/home/a:/bin/sh\nb:x:2:2\nc:x:3:3::\n', 'passwd')
    expect(users.map(({ name, home }) => [name, home])).toEqual([
      ['a', '/home/a'],
      ['b', ''],
      ['c', ''],
    ])
    expect(localEntries('g:x:5:a:b:/home/c\n', 'group')).toEqual([
      { name: 'g', id: 5, gid: 5, home: '' },
    ])
  })

  it('is told with the first user who has it', () => {
    const { homes } = parseLocalAccounts('a:x:1:1::/srv\nb:x:2:2::/srv\nc:x:3:3::/c\n', '')
    expect(new Map(homes)).toEqual(
      new Map([
        ['/srv', 'a'],
        ['/c', 'c'],
      ]),
    )
  })
})

const shellVectors = readFileSync('test/vectors/shells.txt', 'utf8')
  .split('\n')
  .filter((line) => line.includes('\t'))
  .map((line) => {
    const [text = '', shells = ''] = line.split('\t')
    return { text, shells }
  })

describe('parseShells', () => {
  it.each(shellVectors)('reads $text', ({ text, shells }) => {
    expect(parseShells(unescape(text)).join(' ')).toBe(unescape(shells))
  })
})

describe('parseLocalAccounts', () => {
  it('takes the first line of a name, as libc does, and every id', () => {
    const { users, groups, ids } = parseLocalAccounts(
      ' deploy:x:1500:1501::/:/bin/sh\ndeploy:x:7:8\nops:x:9:9\n',
      'wheel:x:10:deploy\nwheel:x:11:\n',
    )
    expect([...users]).toEqual(
      expect.arrayContaining([
        ['deploy', 1500],
        ['ops', 9],
      ]),
    )
    expect(users.size).toBe(2)
    expect([...groups]).toEqual([['wheel', 10]])
    expect([...ids].toSorted((a, b) => a - b)).toEqual([7, 8, 9, 10, 11, 1500, 1501])
  })
})

// fgetpwent(3) and fgetgrent(3) over each file that is named on stdin.
const program = `
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
int main(void)
{
        char path[4096];
        while (fgets(path, sizeof(path), stdin) != NULL) {
                path[strcspn(path, "\\n")] = 0;
                FILE *file = fopen(path, "r");
                const struct passwd *user;
                const struct group *group;
                if (file == NULL)
                        return 1;
                while ((user = fgetpwent(file)) != NULL)
                        printf("%s:%u:%u", user->pw_name, user->pw_uid, user->pw_gid), putchar(1);
                rewind(file);
                putchar(2);
                while ((group = fgetgrent(file)) != NULL)
                        printf("%s:%u", group->gr_name, group->gr_gid), putchar(1);
                fclose(file);
                putchar(3);
        }
        return 0;
}
`

describe('libc', () => {
  const folder = mkdtempSync(join(tmpdir(), 'iamlogin-libc-'))
  const binary = join(folder, 'libc-lines')
  beforeAll(() => {
    writeFileSync(`${binary}.c`, program)
    execFileSync('cc', ['-D_GNU_SOURCE', '-o', binary, `${binary}.c`])
  })
  afterAll(() => {
    rmSync(folder, { recursive: true })
  })

  const pieces = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.constantFrom('\n', ':', ':', ':x:', ':x:5:6:::\n', 'a:x:1:2::/:\n'),
    },
    {
      weight: 3,
      arbitrary: fc.constantFrom(' ', '\t', '\v', '\f', '\r', '#', '+', '-', ' b:x:3:4\n'),
    },
    { weight: 3, arbitrary: fc.constantFrom('alice', 'root', '0', '5', '1000', '-5', '+5', '0x5') },
    { weight: 1, arbitrary: fc.constantFrom('4294967295', '4294967296', '18446744073709551616') },
    {
      weight: 1,
      arbitrary: fc.integer({ min: 4, max: 255 }).map((byte) => String.fromCharCode(byte)),
    },
  )
  const texts = fc.array(
    fc.array(pieces, { maxLength: 40 }).map((each) => `${each.join('')}\n`),
    { minLength: 200, maxLength: 200 },
  )

  /** Ours that newer versions of glibc drop: an id that is no number of 32 bits. */
  const isLarge = (entry: string): boolean => entry.split(':').slice(1).includes('4294967295')

  it('sees the same accounts in generated lines, but for those of compat and of ids too large', () => {
    fc.assert(
      fc.property(texts, (all) => {
        const paths = all.map((text, at) => {
          writeFileSync(join(folder, String(at)), text, 'latin1')
          return join(folder, String(at))
        })
        const output = execFileSync(binary, { input: `${paths.join('\n')}\n`, encoding: 'latin1' })
        const answers = output.split('\x03')
        for (const [at, text] of all.entries()) {
          const [users = '', groups = ''] = (answers[at] ?? '').split('\x02')
          for (const [kind, told] of [
            ['passwd', users],
            ['group', groups],
          ] as const) {
            const libcs = told.split('\x01').filter((each) => each !== '' && !/^[+-]/.test(each))
            const ours = spelled(text, kind)
            expect(ours.filter((each) => !isLarge(each))).toEqual(
              libcs.filter((each) => !isLarge(each)),
            )
            for (const each of libcs) expect(ours).toContain(each)
          }
        }
      }),
      { numRuns: 10 },
    )
  })
})
