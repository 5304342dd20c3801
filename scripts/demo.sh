#!/bin/sh
# npm run demo: set-up, build, then one login from start to end in a private machine.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh demo
PATH="$PWD/node_modules/.bin:$PATH"
export PATH
sh scripts/build-native.sh
sh scripts/build-ts.sh
exec node test/support/demo.ts
