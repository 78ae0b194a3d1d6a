# SPDX-License-Identifier: MIT
# doc/local.mk — what this folder adds to the build.
# May touch: nothing; these pages go into the source package.
EXTRA_DIST += doc/README.md
EXTRA_DIST += doc/protocol.md doc/plugins.md doc/performance.md
dist_man_MANS += doc/man/runnel.1 doc/man/runnel.3 doc/man/runnel-plugin.3 doc/man/runneld.8 doc/man/runneld.conf.5
