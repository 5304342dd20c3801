#!/bin/sh
# clang-format decides the layout, clang-tidy looks for mistakes.
set -eu
cd "$(dirname "$0")/.."
find native -name '*.[ch]' -o -name '*.cc' | xargs clang-format --dry-run --Werror
clang-tidy --quiet --warnings-as-errors='*' $(find native -name '*.c' -not -path '*/test/*' -not -path '*/fuzz/*') -- \
  -std=gnu17 -D_GNU_SOURCE -DIAMLOGIN_VERSION='"lint"' -Inative/common -Inative/nss -Inative/addon 2>/dev/null
