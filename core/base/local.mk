# SPDX-License-Identifier: MIT
# core/base/local.mk — the pure tools; also an installed static library for plugin authors.
basehdrdir = $(includedir)/runnel/base
basehdr_HEADERS = \
  core/base/err.h core/base/buf.h core/base/leb128.h core/base/list.h core/base/map.h core/base/heap.h \
  core/base/utf8.h core/base/json.h core/base/log.h core/base/time.h
