# SPDX-License-Identifier: MIT
# etc/local.mk — the configuration that `make install` puts there once, and the systemd unit.
# May touch: the build folder; on install the prefix. A config that is there is never overwritten.
EXTRA_DIST += etc/README.md
EXTRA_DIST += etc/runneld.conf etc/conf.d/README etc/runneld.service.in
confdir = $(sysconfdir)/runnel
confddir = $(confdir)/conf.d
dist_confd_DATA = etc/conf.d/README
unitdir = $(prefix)/lib/systemd/system
unit_DATA = etc/runneld.service
CLEANFILES += etc/runneld.service
etc/runneld.service: etc/runneld.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) etc && sed -e 's|@sbindir[@]|$(sbindir)|g' -e 's|@bindir[@]|$(bindir)|g' $(srcdir)/etc/runneld.service.in > $@.tmp && mv $@.tmp $@

# The config of the package stands beside one that was changed, as runneld.conf.new.
install-data-hook: install-config
install-config:
	$(MKDIR_P) '$(DESTDIR)$(confdir)'
	if test -f '$(DESTDIR)$(confdir)/runneld.conf'; then \
	  cmp -s $(srcdir)/etc/runneld.conf '$(DESTDIR)$(confdir)/runneld.conf' || \
	  $(INSTALL_DATA) $(srcdir)/etc/runneld.conf '$(DESTDIR)$(confdir)/runneld.conf.new'; \
	else \
	  $(INSTALL_DATA) $(srcdir)/etc/runneld.conf '$(DESTDIR)$(confdir)/runneld.conf'; fi
# Only what is as it was installed is removed.
uninstall-hook: uninstall-config
uninstall-config:
	if cmp -s $(srcdir)/etc/runneld.conf '$(DESTDIR)$(confdir)/runneld.conf'; then rm -f '$(DESTDIR)$(confdir)/runneld.conf'; fi
	rm -f '$(DESTDIR)$(confdir)/runneld.conf.new'
.PHONY: install-config uninstall-config
