# SPDX-License-Identifier: MIT
# sim/local.mk — what this folder adds to the build.
