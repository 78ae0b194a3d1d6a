# SPDX-License-Identifier: MIT
# daemon/local.mk — what this folder adds to the build.
