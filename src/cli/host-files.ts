// For scripts/install.sh, before the command line is installed: what files of this host should say.
//   node host-files.js nsswitch < /etc/nsswitch.conf     the edited file
//   node host-files.js sudo.conf                         the edited file; on stderr what is not edited
//   node host-files.js sudoers                           the name of the file in packaging/sudoers
// Exit codes: 0 done, 1 the file cannot be edited safely (each line on stderr), 2 wrong usage.
import { text } from 'node:stream/consumers'
import { sudoFacts } from '../platform/sudo-facts.ts'
import { editNsswitch } from '../setup/nsswitch.ts'
import { editSudoConf, sudoersFor } from '../setup/sudoers.ts'

async function run(what: string): Promise<0 | 1 | 2> {
  switch (what) {
    case 'nsswitch': {
      const edit = editNsswitch(await text(process.stdin))
      for (const line of edit.refused) process.stderr.write(`/etc/nsswitch.conf: ${line}\n`)
      if (edit.refused.length > 0) return 1
      process.stdout.write(edit.text)
      return 0
    }
    case 'sudo.conf': {
      const { kinds, sudoConf } = sudoFacts()
      const edit = editSudoConf(kinds, sudoConf)
      if (edit.kept !== undefined)
        process.stderr.write(
          `/etc/sudo.conf: "Set group_source ${edit.kept}" stays as it is: with another value than dynamic a member who is removed keeps sudo until they log out\n`,
        )
      process.stdout.write(edit.text)
      return 0
    }
    case 'sudoers':
      process.stdout.write(`${sudoersFor(sudoFacts().kinds)}\n`)
      return 0
    default:
      process.stderr.write('usage: host-files.js nsswitch|sudo.conf|sudoers\n')
      return 2
  }
}

process.exitCode = await run(process.argv[2] ?? '')
