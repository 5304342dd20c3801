#!/bin/sh
# clang-format decides the layout, clang-tidy looks for mistakes.
set -eu
cd "$(dirname "$0")/.."

# Other versions lay out some constructs in other ways: one of them decides.
layout=14
format=clang-format-$layout
command -v $format >/dev/null || format=clang-format
case $($format --version) in
  *" version $layout."*) find native -name '*.[ch]' -o -name '*.cc' | xargs $format --dry-run --Werror ;;
  *) echo "the layout is that of clang-format $layout, which is not here: not checked" ;;
esac
# What it says of suppressed warnings goes to stderr; an error of its own is shown there, too.
said=$(mktemp)
trap 'rm -f "$said"' EXIT
clang-tidy --quiet --warnings-as-errors='*' $(find native -name '*.c' -not -path '*/test/*' -not -path '*/fuzz/*') -- \
  -std=gnu17 -D_GNU_SOURCE -DIAMLOGIN_VERSION='"lint"' -Inative/common -Inative/nss -Inative/addon 2>"$said" || {
  grep -vE '^[0-9]+ warnings? generated|^\[[0-9/]+\] Processing' "$said" >&2 || true
  exit 1
}
