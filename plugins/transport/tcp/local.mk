# SPDX-License-Identifier: MIT
# plugins/transport/tcp/local.mk — what this folder adds to the build.
