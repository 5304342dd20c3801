#!/bin/sh
# Fails when an artefact needs a glibc newer than 2.28, or exports what its map does not name.
set -eu
cd "$(dirname "$0")/../build/Release"

for file in libnss_iamlogin.so.2 pam_iamlogin.so iamlogin_native.node; do
  [ -e "$file" ] || continue
  newest=$(objdump -T "$file" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
  if [ "$(printf '%s\nGLIBC_2.28\n' "$newest" | sort -V | tail -n 1)" != GLIBC_2.28 ]; then
    echo "$file needs $newest, the floor is GLIBC_2.28:" >&2
    objdump -T "$file" | grep "$newest" >&2
    exit 1
  fi
done

check_exports() {
  expected=$(grep -o "$3" "../../native/$2" | sort)
  actual=$(nm -D --defined-only "$1" | awk '{ print $3 }' | sort)
  if [ "$expected" != "$actual" ]; then
    echo "$1 exports other symbols than native/$2 names:" >&2
    echo "$actual" >&2
    exit 1
  fi
}
check_exports libnss_iamlogin.so.2 nss/iamlogin.map '_nss_iamlogin_[a-z_]*'
[ ! -e pam_iamlogin.so ] || check_exports pam_iamlogin.so pam/iamlogin.map 'pam_sm_[a-z_]*'

if readelf -d iamlogin-authorized-keys | grep -q NEEDED; then
  echo 'iamlogin-authorized-keys must be static' >&2
  exit 1
fi
