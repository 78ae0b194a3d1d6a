# SPDX-License-Identifier: MIT
# etc/local.mk — what this folder adds to the build.
