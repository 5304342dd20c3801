#!/bin/sh
# npm test: set-up, then every stage, even after one failed. The last line counts them all.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh test
PATH="$PWD/node_modules/.bin:$PATH"
export PATH
reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT
passed=0
failed=0

step() {
  name=$1
  shift
  echo "== $name"
  if "$@"; then passed=$((passed + 1)); else
    failed=$((failed + 1))
    echo "FAILED: $name"
  fi
}

# The numbers of vitest's JSON report are the tests themselves; a stage that dies counts as one.
suite() {
  echo "== $1"
  vitest run --project "$1" --reporter=default --reporter=json --outputFile.json="$reports/$1.json" || true
  counts=$(node -e '
    const { readFileSync } = require("node:fs")
    try {
      const report = JSON.parse(readFileSync(process.argv[1], "utf8"))
      const broken = report.testResults.filter((file) => file.status === "failed" && file.assertionResults.every((each) => each.status !== "failed")).length
      console.log(report.numPassedTests, report.numFailedTests + broken)
    } catch { console.log(0, 1) }' "$reports/$1.json")
  passed=$((passed + ${counts% *}))
  failed=$((failed + ${counts#* }))
}

step 'build: native' sh scripts/build-native.sh
step 'build: TypeScript' sh scripts/build-ts.sh
step 'types' tsc -p tsconfig.json --noEmit
step 'lint: eslint' eslint .
step 'lint: prettier' prettier --check --log-level warn .
step 'lint: native' sh scripts/lint-native.sh
echo '== native'
sh scripts/test-native.sh >"$reports/native" 2>&1 || true
cat "$reports/native"
# ctest: "100% tests passed, 0 tests failed out of 12"
total=$(sed -n 's/.* tests failed out of \([0-9]*\)$/\1/p' "$reports/native")
bad=$(sed -n 's/.* \([0-9]*\) tests failed out of [0-9]*$/\1/p' "$reports/native")
if [ -n "$total" ]; then
  passed=$((passed + total - bad))
  failed=$((failed + bad))
else failed=$((failed + 1)); fi
suite unit
step 'mutation: the files that decide' node scripts/mutation.ts --slice
suite system
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
