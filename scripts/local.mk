# SPDX-License-Identifier: MIT
# scripts/local.mk — the README's two commands go into the source package.
# May touch: nothing.
EXTRA_DIST += scripts/README.md
EXTRA_DIST += scripts/common.sh scripts/check scripts/quickstart
