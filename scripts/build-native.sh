#!/bin/sh
# Builds build/Release/; the build itself looks at what it made (native/check-artefact.cmake).
# A build that failed leaves nothing there: what is installed is of one whole build or not at all.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/node_modules/.bin:$PATH"

failed() {
  [ ! -e build.log ] || cat build.log >&2
  rm -rf build.log build/Release
  exit 1
}
cmake-js compile --directory native --out build --runtime node --log-level error >build.log 2>&1 || failed
rm -f build.log
