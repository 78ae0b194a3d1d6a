# SPDX-License-Identifier: MIT
# client/local.mk — what this folder adds to the build.
