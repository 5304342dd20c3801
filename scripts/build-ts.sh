#!/bin/sh
# Checks the types and builds dist/. A build that failed leaves nothing there.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/node_modules/.bin:$PATH"

{ tsc -p tsconfig.json --noEmit && node scripts/bundle.ts; } || {
  rm -rf dist
  exit 1
}
