#!/bin/sh
# Builds build/Release/ and proves what the artefacts promise: their symbols and their glibc floor.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/node_modules/.bin:$PATH"

cmake-js compile --directory native --out build --runtime node --log-level error >build.log 2>&1 || {
  cat build.log >&2
  rm -f build.log
  exit 1
}
rm -f build.log
sh scripts/check-native.sh
