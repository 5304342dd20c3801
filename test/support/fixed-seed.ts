// For mutation testing: a mutant is killed, or survives, at every run alike.
import fc from 'fast-check'

fc.configureGlobal({ seed: 1 })
