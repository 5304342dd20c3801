import { describe, expect, it } from 'vitest'
import { chart } from './bench/chart.ts'
import { fromGetent, groupNames, groupsOf, toIndex, toKeys, toLdif } from './bench/directory.ts'
import { percentile, reportText, toTarget } from './bench/report.ts'

describe('bench report', () => {
  it('takes the percentiles of the values', () => {
    expect(percentile([4, 2, 1, 3], 0.5)).toBe(3)
    expect(percentile([], 0.5)).toBe(0)
  })

  it('says whether a ratio is met', () => {
    expect(toTarget('a', 51, 510, 0.1)).toEqual({ text: 'a', ratio: 0.1, limit: 0.1, met: true })
    const missed = toTarget('a', 510, 51, 0.1)
    expect(missed.met).toBe(false)
    expect(reportText([], [missed], [{ fact: 'x', value: 1 }])).toContain('MISSED')
  })
})

describe('bench directory', () => {
  const people = fromGetent(
    'alice:*:5001:5001:Alice:/home/alice:/bin/bash\nbob:*:5002:5002::/home/bob:/bin/sh\ncy:*:5003:5003::/home/cy:/bin/sh\n',
    'alice:*:5001:\nteam1:*:7001:alice\n',
  )

  it('puts each user into the group of everybody and some others, each once', () => {
    for (let user = 0; user < 1_000; user++) {
      const groups = groupsOf(user)
      expect(new Set(groups).size).toBe(groups.length)
      expect(groups).toContain('team0')
      expect(groups.every((name) => groupNames.includes(name))).toBe(true)
    }
  })

  it('says the same to each contender', () => {
    expect(people.users[0]).toMatchObject({ name: 'alice', uid: 5001, shell: '/bin/bash' })
    expect(toLdif(people)).toContain('dn: cn=team1,dc=bench\nobjectClass: posixGroup')
    expect(toLdif(people)).toContain('memberUid: alice\n')
    expect(toKeys(people, 10)).toEqual({
      users: 'alice 5001 2\nbob 5002 1\ncy 5003 1\n',
      groups: 'team1 7001 1\n',
    })
  })

  it('writes indexes of lines of one length, sorted', () => {
    expect(toIndex(['bob:*:5002', 'al:*:5001'], 0)).toBe('al\x0011\x00\0\nbob\x000\x00\0\n')
  })
})

describe('chart', () => {
  it('draws a bar for each contender, the fastest first, with names escaped', () => {
    const svg = chart('t', [
      { label: 'slow', us: 800, ours: false },
      { label: 'a<b', us: 0.1, ours: true },
    ])
    expect(svg.match(/<rect/g)).toHaveLength(2)
    expect(svg.indexOf('a&lt;b')).toBeLessThan(svg.indexOf('slow'))
    expect(svg).toContain('1 ms')
  })
})
