#!/bin/sh
# npm run bench [-- --check] [-- --quick]: with --check, a missed ratio is a failure.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh bench
PATH="$PWD/node_modules/.bin:$PATH"
export PATH
sh scripts/build-native.sh
sh scripts/build-ts.sh
exec node test/bench/main.ts "$@"
