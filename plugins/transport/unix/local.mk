# SPDX-License-Identifier: MIT
# plugins/transport/unix/local.mk — what this folder adds to the build.
