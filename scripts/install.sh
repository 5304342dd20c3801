#!/bin/sh
# Installs this checkout on this host, or installs it again over a running resolver:
#   sh scripts/install.sh
# Everything is checked before anything is edited. Files are replaced by rename, so that no process
# reads half of one; nsswitch.conf, PAM, sudoers, sudo.conf and sshd come last, after the resolver runs.
# The first failure ends it and puts every file back. Nothing depends on the umask.
set -eu
umask 022
cd "$(dirname "$0")/.."

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
libexec=/usr/libexec/iamlogin
home=/opt/iamlogin
node=node_modules/.bin/node

say() { printf 'install: %s\n' "$*"; }
die() {
  printf 'install: %s\n' "$*" >&2
  exit 1
}
has() { command -v "$1" >/dev/null; }
# Image builders install where no systemd runs: units are enabled there, and start at boot.
booted() { [ -d /run/systemd/system ]; }

[ "$(id -u)" = 0 ] || die 'run this as root'
exec 9>/run/iamlogin-install.lock
flock -n 9 || die 'another installation runs at the moment'
work=$(mktemp -d)
release=
was_installed=false
[ ! -e "$libexec/iamlogind" ] || was_installed=true

# --- Undo: each file is kept as it was before its first change -------------------------------------

changed=0
# keep PATH: remembers the file, or that there is none.
keep() {
  changed=$((changed + 1))
  printf '%s\n' "$1" >"$work/path.$changed"
  [ ! -e "$1" ] && [ ! -L "$1" ] || cp -a "$1" "$work/copy.$changed"
}

put_back() {
  if ! $was_installed; then
    ! booted || systemctl stop iamlogind.service iamlogin-terminate.socket 2>/dev/null || true
    systemctl disable --quiet iamlogind.service iamlogin-terminate.socket 2>/dev/null || true
  fi
  while [ "$changed" -gt 0 ]; do
    path=$(cat "$work/path.$changed")
    if [ -e "$work/copy.$changed" ] || [ -L "$work/copy.$changed" ]; then
      cp -a "$work/copy.$changed" "$path.iamlogin-new" && mv -fT "$path.iamlogin-new" "$path"
    else
      rm -f "$path"
    fi
    changed=$((changed - 1))
  done
  booted || return 0
  systemctl daemon-reload
  ! $was_installed || systemctl restart iamlogind.service ||
    say 'the resolver of before does not start either: journalctl -u iamlogind'
}

finish() {
  status=$?
  trap - EXIT
  set +e
  if [ "$status" != 0 ]; then
    if [ "$changed" -gt 0 ]; then
      put_back
      say 'every file is as it was before' >&2
    fi
    [ -z "$release" ] || rm -rf "$release"
  fi
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

# put MODE SOURCE PATH: in one step. A file that is mapped or runs keeps its old inode.
put() {
  keep "$3"
  install -m "$1" -o root -g root "$2" "$3.iamlogin-new"
  mv -fT "$3.iamlogin-new" "$3"
}
take_away() {
  keep "$1"
  rm -f "$1"
}

# --- 1. Checks: nothing is changed ------------------------------------------------------------------

for file in build/Release/libnss_iamlogin.so.2 build/Release/pam_iamlogin.so build/Release/iamlogin_native.node \
  build/Release/iamlogin-authorized-keys build/Release/iamlogin-terminate dist/daemon.js dist/cli.js "$node"; do
  [ -e "$file" ] || die "$file is missing: run npm run build first, and mind how it ends"
done
for module in build/Release/libnss_iamlogin.so.2 build/Release/pam_iamlogin.so; do
  ldd -r "$module" >"$work/ldd" 2>&1 || true
  ! grep -E 'undefined symbol|not found' "$work/ldd" >&2 || die "$module cannot be loaded on this host"
done
libdir=$(ldd build/Release/libnss_iamlogin.so.2 | sed -n 's/^[[:space:]]*libc\.so\.6 => \(.*\)\/libc\.so\.6 .*/\1/p')
libdir=$(readlink -f "$libdir") || die 'the folder of libc.so.6 is not known'
build/Release/iamlogin-authorized-keys --version >/dev/null || die 'iamlogin-authorized-keys does not run on this host'
build/Release/iamlogin-terminate --help >/dev/null || die 'iamlogin-terminate does not run on this host'
"$node" -e 'process.dlopen({ exports: {} }, require("node:path").resolve(process.argv[1]))' build/Release/iamlogin_native.node ||
  die 'iamlogin_native.node cannot be loaded by the pinned Node'

# The configuration must be one that the user iamlogin can read.
if ! grep -q '^iamlogin:' /etc/passwd; then
  grep -q '^iamlogin:' /etc/group || groupadd --system iamlogin
  useradd --system --gid iamlogin --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin iamlogin
fi
"$node" dist/cli.js config check || die 'fix the configuration, then run this again'

edits_pam=true
if ! has pam-auth-update; then
  has authselect || die 'neither pam-auth-update nor authselect is here: see packaging/pam/README.md'
  edits_pam=false
fi
if $edits_pam; then
  "$node" dist/cli/host-files.js nsswitch </etc/nsswitch.conf >"$work/nsswitch.conf" ||
    die 'fix the lines above in /etc/nsswitch.conf, then run this again'
fi

has_sudo=false
refused_before=
for visudo in visudo visudo-rs; do
  has "$visudo" || continue
  has_sudo=true
  install -m 440 "packaging/sudoers/$("$node" dist/cli/host-files.js sudoers)" "$work/sudoers"
  "$visudo" -cf "$work/sudoers" >"$work/visudo" 2>&1 || {
    cat "$work/visudo" >&2
    die "$visudo of this host refuses the sudoers file"
  }
  # What was wrong before is this host's, and sudo's to tell: it skips such a file, or the line.
  "$visudo" -c >"$work/visudo" 2>&1 || {
    cat "$work/visudo" >&2
    say "$visudo finds fault with this host's sudoers files as they are (see above)" >&2
    refused_before="$refused_before $visudo"
  }
done
# What sudo finds wrong with sudo.conf, which it says on stderr and goes on; sudo.ws: beside sudo-rs.
check_sudo_conf() {
  for sudo in sudo sudo.ws; do
    ! has "$sudo" || LC_ALL=C "$sudo" -V 2>&1 >/dev/null || true
  done
}
edits_sudo_conf=false
if $has_sudo; then
  "$node" dist/cli/host-files.js sudo.conf >"$work/sudo.conf"
  if ! cat /etc/sudo.conf 2>/dev/null | cmp -s - "$work/sudo.conf"; then
    # sudo ignores such a file: an edit of ours would have it read what somebody else wrote.
    [ ! -e /etc/sudo.conf ] || [ -n "$(find -L /etc/sudo.conf -maxdepth 0 -type f -user 0 ! -perm /022)" ] ||
      die 'sudo ignores /etc/sudo.conf, which is not a file that root alone may write: chown root and chmod 644 it'
    edits_sudo_conf=true
  fi
  check_sudo_conf >"$work/sudo.before"
fi

has_sshd=false
if has sshd; then
  has_sshd=true
  # sshd's own privilege separation folder; ssh.service makes it at each start.
  [ -d /run/sshd ] || install -d -m 755 /run/sshd
  [ -d /etc/ssh/sshd_config.d ] || die '/etc/ssh/sshd_config.d is missing: this sshd is older than 8.2'
  {
    cat packaging/sshd/05-iamlogin.conf
    echo 'Include /etc/ssh/sshd_config'
  } >"$work/sshd_config"
  sshd -t -f "$work/sshd_config" || die 'sshd refuses its configuration together with packaging/sshd/05-iamlogin.conf'
fi

# --- 2. The parts, beside those of before ----------------------------------------------------------

# A release of its own: the resolver that runs goes on reading the files it started with.
install -d -m 755 -o root -g root "$home" "$home/releases" "$libexec" "$libdir/security" /etc/iamlogin
release=$(mktemp -d "$home/releases/XXXXXXXX")
# Packages are in dist/ as far as they are used; of node_modules/ there is Node alone.
runtime=$(dirname "$(dirname "$(readlink -f "$node")")")
printf '%s\n' "node_modules/$(basename "$runtime")" node_modules/.bin/node >"$work/modules"
tar -c --files-from="$work/modules" dist package.json build/Release/iamlogin_native.node | tar -x --no-same-owner -C "$release"
chmod -R u=rwX,go=rX "$release"
"$release/node_modules/.bin/node" "$release/dist/cli.js" --version >/dev/null || die "what was copied to $release does not run"

put 644 build/Release/libnss_iamlogin.so.2 "$libdir/libnss_iamlogin.so.2"
put 644 build/Release/pam_iamlogin.so "$libdir/security/pam_iamlogin.so"
put 755 build/Release/iamlogin-terminate "$libexec/iamlogin-terminate"
# Execute-only, so that the resolver, which runs as the same user, cannot attach to it.
put 711 build/Release/iamlogin-authorized-keys "$libexec/iamlogin-authorized-keys"
for each in packaging/libexec/*; do
  sed "s|@home@|$home/current|g" "$each" >"$work/launcher"
  put 755 "$work/launcher" "$libexec/${each##*/}"
done
for unit in packaging/systemd/*; do put 644 "$unit" "/etc/systemd/system/${unit##*/}"; done
ln -s "$libexec/iamlogin" "$work/link"
keep /usr/bin/iamlogin
mv -fT "$work/link" /usr/bin/iamlogin
ln -s "releases/${release##*/}" "$home/current.iamlogin-new"
keep "$home/current"
mv -fT "$home/current.iamlogin-new" "$home/current"

# --- 3. The resolver: it must run before anything asks it -------------------------------------------

systemctl enable --quiet iamlogin-terminate.socket iamlogind.service
if booted; then
  systemctl daemon-reload
  if ! systemctl restart iamlogin-terminate.socket iamlogind.service; then
    journalctl -u iamlogind -n 20 --no-pager -o cat >&2 || true
    die 'the resolver does not start; its last lines are above'
  fi
fi

# --- 4. What the host asks, each checked before and after ------------------------------------------

if $has_sudo; then
  put 440 "$work/sudoers" /etc/sudoers.d/iamlogin
  if $edits_sudo_conf; then
    mode=644
    if [ -e /etc/sudo.conf ]; then
      mode=$(stat -L -c %a /etc/sudo.conf)
      [ -e /etc/sudo.conf.before-iamlogin ] || cp -p /etc/sudo.conf /etc/sudo.conf.before-iamlogin
    fi
    put "$mode" "$work/sudo.conf" /etc/sudo.conf
    check_sudo_conf >"$work/sudo"
    ! grep -vxF -f "$work/sudo.before" "$work/sudo" >&2 || die 'sudo finds fault with the edited /etc/sudo.conf'
  fi
  for visudo in visudo visudo-rs; do
    has "$visudo" || continue
    case "$refused_before " in *" $visudo "*) continue ;; esac
    "$visudo" -c >"$work/visudo" 2>&1 || {
      cat "$work/visudo" >&2
      die "$visudo refuses the sudoers files together with ours"
    }
  done
else
  say 'sudo is not installed: access.sudo_groups has no effect'
fi

if $edits_pam; then
  if ! cmp -s "$work/nsswitch.conf" /etc/nsswitch.conf; then
    [ -e /etc/nsswitch.conf.before-iamlogin ] || cp -p /etc/nsswitch.conf /etc/nsswitch.conf.before-iamlogin
    put 644 "$work/nsswitch.conf" /etc/nsswitch.conf
  fi
  for file in /etc/pam.d/common-* /var/lib/pam/*; do
    [ ! -f "$file" ] || keep "$file"
  done
  put 644 packaging/pam/iamlogin /usr/share/pam-configs/iamlogin
  DEBIAN_FRONTEND=noninteractive pam-auth-update --package --enable iamlogin mkhomedir </dev/null
  for file in common-account common-session; do
    grep -q 'pam_iamlogin\.so' "/etc/pam.d/$file" ||
      die "pam-auth-update leaves /etc/pam.d/$file alone, which was edited by hand: add our lines (packaging/pam/README.md), or run pam-auth-update --force"
  done
fi

if $has_sshd; then
  dropin=/etc/ssh/sshd_config.d/05-iamlogin.conf
  if [ -e "$dropin" ] && ! cmp -s packaging/sshd/05-iamlogin.conf "$dropin"; then
    cp -p "$dropin" "$dropin.before"
    say "$dropin was another one, now in $dropin.before: lines of your own belong in a file of their own"
  fi
  put 644 packaging/sshd/05-iamlogin.conf "$dropin"
  # The name that we had before: others' files came first.
  ! grep -qs 'iamlogin-authorized-keys' /etc/ssh/sshd_config.d/50-iamlogin.conf ||
    take_away /etc/ssh/sshd_config.d/50-iamlogin.conf
  sshd -t || die 'sshd refuses its configuration'
  sshd -T -C user=root,host=localhost,addr=127.0.0.1 >"$work/sshd" 2>/dev/null || true
  grep -qi '^authorizedkeyscommand /usr/libexec/iamlogin/' "$work/sshd" ||
    die 'sshd does not take our key command: /etc/ssh/sshd_config must have "Include /etc/ssh/sshd_config.d/*.conf" before any AuthorizedKeysCommand'
  ! booted || for unit in ssh.service sshd.service; do
    ! systemctl is-active --quiet "$unit" || systemctl reload "$unit"
    ! systemctl cat "$unit" 2>/dev/null | grep -q '^ExecStart=.*AuthorizedKeysCommand' ||
      say "$unit names a key command on its command line (EC2 Instance Connect does), which sshd prefers to ours: see docs of that package to turn it off"
  done
fi

# --- 5. Nothing can fail from here on: what is left of before goes ---------------------------------

for old in "$home"/releases/*; do
  [ "$old" = "$release" ] || rm -rf "$old"
done
rm -rf "$home/dist" "$home/node_modules" "$home/build" "$home/package.json"

if ! $edits_pam; then
  say 'PAM and nsswitch.conf are authselect'"'"'s here; the last step: sh packaging/authselect/iamlogin-authselect'
fi
say 'done; what the resolver says (iamlogin status):'
! booted || /usr/bin/iamlogin status || true
