# SPDX-License-Identifier: MIT
# plugins/discovery/static/local.mk — what this folder adds to the build.
