# SPDX-License-Identifier: MIT
# plugins/sync/incremental/local.mk — what this folder adds to the build.
