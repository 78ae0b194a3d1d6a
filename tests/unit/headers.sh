#!/bin/sh
# SPDX-License-Identifier: MIT
# headers.sh — every header stands alone: whoever includes it need not know what else it wants. All in C11; those that
# others include, also in C++17: a node's inside is C's alone.
# May touch: reads the source tree; runs the compilers, which write nothing.
set -u
src=${RUNNEL_SRC:-$(cd "$(dirname "$0")/../.." && pwd)}
cc=${CC:-gcc}
cxx=${CXX:-g++}
warn="-Wall -Wextra -Wpedantic -Werror -D_GNU_SOURCE -I$src/include -I$src/core -fsyntax-only ${HEADERS_CPPFLAGS:-}"

# One header in one language: with what is said on standard error as the reason. $cc may be two words.
try() { # LANGUAGE HEADER COMPILER...
  language=$1 header=$2
  shift 2
  k=$((k + 1))
  # Twice, so that the guard is tried too; from standard input, where no header is "the main file".
  if said=$(printf '#include "%s"\n#include "%s"\n' "$header" "$header" | "$@" $warn - 2>&1); then
    echo "ok $k - $language ${header#"$src"/}"
  else
    echo "not ok $k - $language ${header#"$src"/}"
    echo "$said" | sed 's/^/# /'
    failed=1
  fi
}

set -- "$src"/include/runnel/*.h "$src"/core/*/*.h
count() { echo $#; }
inside=$(count "$src"/core/node/*.h)
k=0 failed=0
if ! $cxx --version >/dev/null 2>&1; then
  cxx=
fi
echo "1..$((2 * $# - inside + 2))"
for header; do
  try C11 "$header" $cc -std=c11 -x c
  case $header in "$src"/core/node/*) continue ;; esac
  if [ -n "$cxx" ]; then
    try C++17 "$header" $cxx -std=c++17 -x c++
  else
    k=$((k + 1))
    echo "ok $k - C++17 ${header#"$src"/} # SKIP no C++ compiler: install g++, or set CXX"
  fi
done

# The test itself: a header that is there and fine, and one that cannot stand alone.
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
k=$((k + 1))
printf 'static inline size_t wants_stddef(void) { return 0; }\n' >"$scratch/lame.h"
if printf '#include "%s"\n' "$scratch/lame.h" | $cc -std=c11 -x c $warn - 2>/dev/null; then
  echo "not ok $k - a header that lacks an include is found"
  failed=1
else
  echo "ok $k - a header that lacks an include is found"
fi
k=$((k + 1))
if [ $# -ge 16 ] && [ -f "$1" ]; then
  echo "ok $k - there are headers to try ($#)"
else
  echo "not ok $k - there are headers to try ($#)"
  failed=1
fi
exit $failed
