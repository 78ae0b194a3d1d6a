# SPDX-License-Identifier: MIT
# include/local.mk — the public headers and the pkg-config file for plugin authors.
# May touch: the build folder.
EXTRA_DIST += include/README.md
runnelincludedir = $(includedir)/runnel
runnelinclude_HEADERS = \
  include/runnel/types.h include/runnel/plugin.h include/runnel/storage.h include/runnel/transport.h \
  include/runnel/discovery.h include/runnel/sync.h
