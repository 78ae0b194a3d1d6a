# SPDX-License-Identifier: MIT
# tests/unit/node.mk — which tests this folder adds.
