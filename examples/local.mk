# SPDX-License-Identifier: MIT
# examples/local.mk — what this folder adds to the build.
