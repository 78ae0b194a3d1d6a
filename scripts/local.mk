# SPDX-License-Identifier: MIT
# scripts/local.mk — what this folder adds to the build.
