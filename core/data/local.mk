# SPDX-License-Identifier: MIT
# core/data/local.mk — what this folder adds to the build.
