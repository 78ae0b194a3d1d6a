# SPDX-License-Identifier: MIT
# tests/scenario/local.mk — which tests this folder adds.
