#!/bin/sh
# npm run bench [-- OPTIONS]: npm run bench -- --help lists them.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh bench
PATH="$PWD/node_modules/.bin:$PATH"
export PATH
sh scripts/build-native.sh
sh scripts/build-ts.sh
exec node test/bench/main.ts "$@"
