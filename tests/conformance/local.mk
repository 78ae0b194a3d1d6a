# SPDX-License-Identifier: MIT
# tests/conformance/local.mk — which tests this folder adds.
