# SPDX-License-Identifier: MIT
# tool/local.mk — what this folder adds to the build.
