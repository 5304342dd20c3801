#!/bin/sh
# Builds dist/. A build that failed leaves nothing there.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/node_modules/.bin:$PATH"

tsc -p tsconfig.build.json || {
  rm -rf dist
  exit 1
}
