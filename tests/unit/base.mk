# SPDX-License-Identifier: MIT
# tests/unit/base.mk — which tests this folder adds.
