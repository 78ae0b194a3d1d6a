# SPDX-License-Identifier: MIT
# doc/local.mk — what this folder adds to the build.
