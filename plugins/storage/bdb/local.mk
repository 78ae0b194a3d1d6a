# SPDX-License-Identifier: MIT
# plugins/storage/bdb/local.mk — what this folder adds to the build.
