# SPDX-License-Identifier: MIT
# plugins/storage/memory/local.mk — what this folder adds to the build.
