# SPDX-License-Identifier: MIT
# common.sh — what scripts/check and scripts/quickstart share: the one list of packages, and how they are installed.
# May touch: the machine's packages, through apt-get and only where one of them is missing.
# Sourced by bash; sets SRC, the top of the source tree.
SRC=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# One a line: who needs it, the Debian package, how to tell without a package manager that it is there,
# and what it is. command:NAME is a program, module:NAME one that pkg-config knows, header:FILE one that
# the compiler finds, flag:FLAG one that clang builds a program with.
NEEDS='
build  autoconf         command:autoreconf         autoconf 2.71
build  automake         command:automake           automake 1.16
build  libtool          command:libtoolize         libtool
build  pkg-config       command:pkg-config         pkg-config
build  make             command:make               make
build  gcc              command:gcc                a C11 compiler
build  libc6-dev        header:stdio.h             the C library
build  libevent-dev     module:libevent            libevent 2.1
build  libyajl-dev      module:yajl                yajl 2.1
build  libdb5.3-dev     header:db.h                Berkeley DB 5.3
build  libsodium-dev    module:libsodium           libsodium 1.0.16
build  libssl-dev       module:libcrypto           OpenSSL 3.0
check  g++              command:g++                a C++ compiler (the headers must compile with it)
check  clang            command:clang              clang
check  libclang-rt-dev  flag:-fsanitize=address    the sanitizers of clang
check  clang-format     command:clang-format       clang-format 14
check  libcmocka-dev    module:cmocka              cmocka 1.1.5
check  python3          command:python3            Python 3.9
check  openssl          command:openssl            the openssl command
check  mandoc           command:mandoc             mandoc
check  git              command:git                git
check  mount            command:mount              mount, for a small disk that is full
check  util-linux       command:unshare            unshare, for the same
check  systemd          command:systemd-analyze    systemd-analyze, for the unit file
check  xz-utils         command:xz                 xz
bench  redis-server     command:redis-server       Redis 7
bench  nats-server      command:nats-server        NATS server 2.9
bench  mosquitto        command:mosquitto          Mosquitto 2
bench  nodejs           command:node               Node.js 18, for hypercore
bench  npm              command:npm                npm, for hypercore
'

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# The lines of NEEDS for the purposes given.
needs_for() {
  local purpose package test what
  while read -r purpose package test what; do
    case " $* " in *" $purpose "*) printf '%s %s %s\n' "$package" "$test" "$what" ;; esac
  done <<<"$NEEDS"
}

package_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

is_there() {
  local name=${1#*:}
  case $1 in
    command:*) command -v "$name" >/dev/null ;;
    module:*) pkg-config --exists "$name" 2>/dev/null ;;
    header:*) printf '#include <%s>\n' "$name" | ${CC:-cc} -E -x c - >/dev/null 2>&1 ;;
    flag:*) printf 'int main(void) { return 0; }\n' | clang "$name" -x c -o /dev/null - >/dev/null 2>&1 ;;
    *) die "scripts/common.sh: \"$1\" is no test" ;;
  esac
}

# Without apt-get nothing is installed: what is missing is named.
name_what_is_missing() {
  local package test what missing=
  while read -r package test what; do
    is_there "$test" || missing="$missing"$'\n'"  $what (in Debian: $package)"
  done < <(needs_for "$@")
  [ -z "$missing" ] && return
  die "this system has no apt-get, so please install by its own means:$missing"
}

# Installs what is missing for the purposes given ("build", "check", "bench").
install_needs() {
  local package test rest missing=() as_root=()
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    name_what_is_missing "$@"
    return
  fi
  while read -r package test rest; do
    package_installed "$package" && continue
    # A peer may have come by other means, such as node and npm in one package of their makers.
    [ "$*" = bench ] && is_there "$test" && continue
    missing+=("$package")
  done < <(needs_for "$@")
  [ ${#missing[@]} -eq 0 ] && return
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "please install as root: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  printf 'Installing %s\n' "${missing[*]}"
  "${as_root[@]}" apt-get -qq update || die "apt-get update failed"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" \
    </dev/null || die "apt-get could not install: ${missing[*]}"
}

# An out-of-tree build needs a source tree in which nobody has called configure.
refuse_configured_tree() {
  if [ -e "$SRC/config.status" ]; then
    die "$SRC has been configured in place: run \"make distclean\" there first"
  fi
}
