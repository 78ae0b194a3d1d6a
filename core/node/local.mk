# SPDX-License-Identifier: MIT
# core/node/local.mk — what this folder adds to the build.
