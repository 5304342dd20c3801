#!/bin/sh
# Builds build/Test with sanitizers and runs ctest; the fuzzer's short run is one of the tests.
set -eu
cd "$(dirname "$0")/.."
cmake -S native -B build/Test -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ \
  -DCMAKE_BUILD_TYPE=Debug -DIAMLOGIN_TESTS=ON -DIAMLOGIN_TEST_PATHS=ON -DIAMLOGIN_SANITIZE=ON \
  -DIAMLOGIN_ADDON=OFF >/dev/null
cmake --build build/Test -- -j 2 >/dev/null || cmake --build build/Test
ctest --test-dir build/Test --output-on-failure --timeout 120 -j 2
