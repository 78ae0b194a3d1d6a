# SPDX-License-Identifier: MIT
# tests/sim/local.mk — which tests this folder adds.
