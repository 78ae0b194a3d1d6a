# SPDX-License-Identifier: MIT
# core/node/local.mk — the core: reads bytes it is handed, never the world.
# May touch: the build folder.
EXTRA_DIST += core/node/README.md
noinst_LTLIBRARIES += libnode.la
libnode_la_SOURCES = \
  core/node/access.c core/node/access.h \
  core/node/addresses.c \
  core/node/ask.c \
  core/node/author.c core/node/author.h core/node/authorstate.h \
  core/node/backoff.c core/node/backoff.h \
  core/node/backup.c core/node/backupslice.c core/node/backupstate.h \
  core/node/better.c \
  core/node/blocks.c core/node/blocks.h \
  core/node/call.c \
  core/node/commit.c \
  core/node/candidates.c \
  core/node/conf.c core/node/conf.h \
  core/node/confnode.c \
  core/node/confsections.c \
  core/node/confstreams.c \
  core/node/conftexts.c core/node/conftexts.h \
  core/node/copy.h \
  core/node/create.c \
  core/node/describe.c \
  core/node/discover.c core/node/discover.h \
  core/node/drain.c core/node/drain.h \
  core/node/drop.c \
  core/node/env.h \
  core/node/erase.c \
  core/node/fetch.c core/node/fetchblocks.c core/node/fetchleaves.c core/node/fetchstate.h \
  core/node/fill.c core/node/fill.h \
  core/node/flight.c \
  core/node/follow.c core/node/follow.h core/node/followrun.c \
  core/node/gather.c \
  core/node/gone.c core/node/gone.h \
  core/node/heads.c core/node/heads.h \
  core/node/hops.c core/node/hops.h \
  core/node/info.c \
  core/node/fsck.c core/node/fsckfind.c core/node/fsckstate.h \
  core/node/inner.h \
  core/node/host.c core/node/inst.c core/node/inst.h core/node/inststate.h \
  core/node/kind.c \
  core/node/lane.c core/node/lane.h \
  core/node/leaves.c \
  core/node/live.c \
  core/node/load.c \
  core/node/loadstream.c \
  core/node/look.c \
  core/node/loop.c core/node/loop.h \
  core/node/mend.c core/node/mend.h core/node/mendfetch.c core/node/mendlook.c \
  core/node/mendproof.c core/node/mendround.c core/node/mendstate.h \
  core/node/methods.c core/node/methods.h \
  core/node/names.c core/node/names.h \
  core/node/near.c core/node/near.h \
  core/node/node.c core/node/node.h \
  core/node/note.c \
  core/node/offer.c \
  core/node/option.c core/node/option.h \
  core/node/peers.c core/node/peers.h \
  core/node/piece.c \
  core/node/place.c core/node/place.h \
  core/node/record.c core/node/record.h \
  core/node/probe.c \
  core/node/provider.c \
  core/node/quiet.c core/node/quiet.h \
  core/node/reads.c \
  core/node/publish.c \
  core/node/recover.c \
  core/node/registry.c core/node/registry.h \
  core/node/reload.c core/node/reload.h core/node/reloadplan.c \
  core/node/repeat.c \
  core/node/restore.c \
  core/node/ripe.c core/node/ripe.h \
  core/node/rootat.c core/node/rootat.h \
  core/node/safety.c core/node/safety.h core/node/safetynote.c core/node/safetysources.c core/node/safetystate.h \
  core/node/seek.c \
  core/node/share.c core/node/share.h \
  core/node/session.c core/node/session.h \
  core/node/sessionhello.c core/node/sessionin.c core/node/sessionlife.c \
  core/node/sessionlink.c core/node/sessionout.c core/node/sessionstate.h \
  core/node/start.c \
  core/node/step.c core/node/step.h \
  core/node/store.c core/node/store.h \
  core/node/stream.c core/node/stream.h \
  core/node/subscribe.c \
  core/node/sweep.c core/node/sweep.h \
  core/node/walk.c core/node/walk.h \
  core/node/twin.c core/node/twin.h \
  core/node/upfollow.c \
  core/node/upstream.c core/node/upstream.h \
  core/node/upstreamstate.h \
  core/node/verify.c
