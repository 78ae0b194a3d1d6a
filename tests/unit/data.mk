# SPDX-License-Identifier: MIT
# tests/unit/data.mk — which tests this folder adds.
