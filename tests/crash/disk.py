# SPDX-License-Identifier: MIT
"""disk.py — what may be left of a folder when the power fails: a model fed with the journal of volatile.c.
May touch: the folder that it is given; reads a journal.

The model, which is weaker than the file systems that people use, on purpose:

- What is synced stays. fsync or fdatasync of a file makes its bytes and its size durable, and nothing
  else: not its name. fsync of a folder makes its names durable (added, removed, renamed), and not the
  bytes of the files. syncfs makes everything durable.
- Of what is not synced any part may be there: the disk writes in any order it likes.
  - Each unit of a file (`unit` bytes, 512 or 4096, at a multiple of that) is as it was at some moment since
    the last sync, each unit by itself: a write over several units may be torn, one within a unit not. Bytes
    never written within the size are zeros.
  - The size too is that of some moment, by itself: a file may be longer than what has been written, or
    shorter.
  - A change of names is there or not, each by itself, with these bounds: of the changes to one name a later
    one needs the earlier ones, and a rename is one change: both names or neither. What hangs on a folder
    whose own name is lost is lost.
- A killed program alone loses nothing: the machine goes on, and what was not synced still is not. It
  stays at risk until the next sync, however many programs start and read it in between.

`crash` draws such a state with a random generator. Four kinds: "drop" (nothing that is not synced stays),
"moment" (all up to a random moment stays: a disk that keeps order), "mix" (as above, drawn), "last" (all bytes,
and of the changes of names only the last one: the disk that minds order the least).

The state is put into the real folder in place, so that inodes stay what they were.
"""
import os
import shutil
import struct

from tap import Failed, check

KINDS = ("drop", "moment", "mix", "last")


class File:
    def __init__(self, ino, data=b""):
        self.ino = ino
        self.data = bytearray(data)  # durable
        self.now = bytearray(data)
        self.pending = []  # (moment, offset, bytes) or (moment, size, None)

    def write(self, moment, at, data):
        self.pending.append((moment, at, data))
        if at > len(self.now):
            self.now.extend(bytes(at - len(self.now)))
        self.now[at:at + len(data)] = data

    def resize(self, moment, size):
        if size == len(self.now):
            return
        self.pending.append((moment, size, None))
        if size < len(self.now):
            del self.now[size:]
        else:
            self.now.extend(bytes(size - len(self.now)))

    def sync(self):
        self.data = bytearray(self.now)
        self.pending = []

    # ---- after the power failed ----

    def sizes(self):
        """The size that it had after 0, 1, 2 … of the changes that are not synced."""
        out = [len(self.data)]
        for _, at, data in self.pending:
            out.append(at if data is None else max(out[-1], at + len(data)))
        return out

    def units(self, unit):
        """For each unit that was changed: the numbers of those changes, in order."""
        touched = {}
        end = max(self.sizes())
        for k, (_, at, data) in enumerate(self.pending, 1):
            until = end if data is None else at + len(data)
            for u in range(at // unit, (until + unit - 1) // unit):
                touched.setdefault(u, []).append(k)
        return touched

    def unit_after(self, u, unit, changes):
        """The bytes of a unit after these changes."""
        start = u * unit
        out = bytearray(self.data[start:start + unit])
        out.extend(bytes(unit - len(out)))
        for k in changes:
            _, at, data = self.pending[k - 1]
            if data is None:  # what lay behind the new end is gone
                a = max(at - start, 0)
                out[a:] = bytes(max(unit - a, 0))
            else:
                a, b = max(at, start), min(at + len(data), start + unit)
                out[a - start:b - start] = data[a - at:b - at]
        return out

    def left(self, choose, unit):
        """Its bytes when of each list of changes only those up to choose(list) have come to the disk."""
        if not self.pending:
            return self.data
        size = self.sizes()[choose(list(range(1, len(self.pending) + 1)))]
        out = bytearray(self.data[:size])
        out.extend(bytes(size - len(out)))
        for u, changes in self.units(unit).items():
            if u * unit < size:
                out[u * unit:(u + 1) * unit] = self.unit_after(u, unit, changes[:choose(changes)])
        return out[:size]


class Folder:
    def __init__(self, ino):
        self.ino = ino
        self.names = {}  # durable: name → File or Folder
        self.now = {}


class Change:
    """Names that change in one go: (folder, name, what it is then, or None)."""

    def __init__(self, moment, *sets):
        self.moment = moment
        self.sets = sets

    def apply(self, names):
        for folder, name, what in self.sets:
            if what is None:
                names(folder).pop(name, None)
            else:
                names(folder)[name] = what

    def touches(self):
        return {(id(folder), name) for folder, name, _ in self.sets}


class Disk:
    def __init__(self, path, journal):
        self.path, self.journal = path, journal
        self.moment = 0
        self.unsure = None  # a change that may or may not have happened: the inode of its file, 0: a name
        self.operations = 0  # of the last program
        self.dropped = 0  # changes that a crash has undone, in whole or in part
        self.pending = []  # changes of names
        self.inodes = {}
        self.root = self.scan(path)

    # ---- the folder as it is ----

    def scan(self, path):
        """Takes a real folder for durable."""
        folder = Folder(os.stat(path).st_ino)
        self.inodes[folder.ino] = folder
        for entry in os.scandir(path):
            what = self.inodes.get(entry.inode())
            if entry.is_dir(follow_symlinks=False):
                what = self.scan(entry.path)
            elif what is None:
                with open(entry.path, "rb") as f:
                    what = File(entry.inode(), f.read())
                self.inodes[what.ino] = what
            folder.names[entry.name] = folder.now[entry.name] = what
        return folder

    def compare(self):
        """That the journal explains the real folder: no change has gone past the shim."""
        self.read()
        if self.unsure != 0:
            self.compare_folder(self.root, self.path)

    def compare_folder(self, folder, path):
        real = {e.name: e.inode() for e in os.scandir(path)}
        check(real == {n: w.ino for n, w in folder.now.items()}, path, "is not as the journal says:", sorted(real),
              sorted(folder.now))
        for name, what in folder.now.items():
            here = os.path.join(path, name)
            if isinstance(what, Folder):
                self.compare_folder(what, here)
            elif what.ino != self.unsure:
                with open(here, "rb") as f:
                    check(f.read() == what.now, here, "is not as the journal says")

    # ---- the journal ----

    def read(self):
        """Takes what is in the journal, and empties it; programs must have ended. A record at its end that is not
        whole never came to be, and must not stand before those of the next program."""
        if not os.path.exists(self.journal):
            return
        with open(self.journal, "r+b") as f:
            new = f.read()
            f.truncate(0)
        at = 0
        while len(new) - at >= 4:
            n = struct.unpack_from("<I", new, at)[0]
            if len(new) - at < 4 + n:
                break
            self.take(chr(new[at + 4]), new[at + 5:at + 4 + n])
            at += 4 + n

    def take(self, kind, b):
        self.moment += 1
        if kind == "K":
            self.operations = 0
            self.forget_unsure()
        elif kind == "B":
            self.operations += 1
            self.unsure = struct.unpack("<Q", b)[0]
        else:
            self.unsure = None
            getattr(self, "take_" + kind)(b)

    def forget_unsure(self):
        # A program that was killed within a change leaves nobody knowing; only a crash may follow then.
        check(self.unsure is None, "a program started on a folder of which the journal does not know all")

    def take_N(self, _):
        pass

    def take_W(self, b):
        ino, at = struct.unpack_from("<QQ", b)
        self.inodes[ino].write(self.moment, at, b[16:])

    def take_T(self, b):
        ino, size = struct.unpack("<QQ", b)
        self.inodes[ino].resize(self.moment, size)

    def take_S(self, b):
        what = self.inodes[struct.unpack("<Q", b)[0]]
        if isinstance(what, File):
            what.sync()
        else:
            self.sync_names(lambda folder: folder is what)

    def take_A(self, _):
        self.sync_names(lambda folder: True)
        for what in self.inodes.values():
            if isinstance(what, File):
                what.sync()

    def take_C(self, b):
        self.made(b, File)

    def take_D(self, b):
        self.made(b, Folder)

    def made(self, b, make):
        folder, ino = struct.unpack_from("<QQ", b)
        self.inodes[ino] = make(ino)
        self.change((self.inodes[folder], b[16:].decode(), self.inodes[ino]))

    def take_L(self, b):
        folder, ino = struct.unpack_from("<QQ", b)
        self.change((self.inodes[folder], b[16:].decode(), self.inodes[ino]))

    def take_U(self, b):
        self.change((self.inodes[struct.unpack_from("<Q", b)[0]], b[8:].decode(), None))

    def take_R(self, b):
        old, new, ino = struct.unpack_from("<QQQ", b)
        a, _, z = b[24:].decode().partition("\0")
        self.change((self.inodes[old], a, None), (self.inodes[new], z, self.inodes[ino]))

    def change(self, *sets):
        c = Change(self.moment, *sets)
        c.apply(lambda folder: folder.now)
        self.pending.append(c)

    def sync_names(self, wanted):
        """Makes durable what is pending in the folders wanted, and what that stands on."""
        needed = set()
        for c in reversed(self.pending):
            if any(wanted(folder) for folder, _, _ in c.sets) or c.touches() & needed:
                needed |= c.touches()
                c.durable = True
        for c in self.pending:
            if hasattr(c, "durable"):
                c.apply(lambda folder: folder.names)
        self.pending = [c for c in self.pending if not hasattr(c, "durable")]

    # ---- the power fails ----

    def crash(self, kind, rng, unit=4096):
        """Draws what is left and makes the real folder so. Programs must have ended."""
        self.read()
        first = min([c.moment for c in self.pending] +
                    [p[0] for w in self.inodes.values() if isinstance(w, File) for p in w.pending] + [self.moment])
        moment = rng.randint(first, self.moment)
        mostly = rng.choice((0.1, 0.5, 0.9))
        newest = max((c.moment for c in self.pending), default=0)

        def keeps(change_moment):
            if kind == "moment":
                return change_moment <= moment
            if kind == "last":
                return change_moment == newest
            return kind == "mix" and rng.random() < mostly

        def choose(file):
            def of(changes):
                if kind == "drop":
                    return 0
                if kind == "last":
                    return len(changes)
                if kind == "moment":
                    return sum(file.pending[k - 1][0] <= moment for k in changes)
                return len(changes) if rng.random() < mostly else rng.randint(0, len(changes))
            return of
        self.keep_names(keeps)
        for what in self.inodes.values():
            if isinstance(what, File):
                data = what.left(choose(what), unit)
                self.dropped += len(what.pending) if data != what.now else 0
                what.data, what.pending = bytearray(data), []
        self.settle()

    def keep_names(self, keeps):
        lost = set()
        for c in self.pending:
            if keeps(c.moment) and not c.touches() & lost:
                c.apply(lambda folder: folder.names)
            else:
                lost |= c.touches()
                self.dropped += 1
        self.pending = []

    # ---- the real folder ----

    def settle(self):
        """Makes the real folder what is durable."""
        aside = self.path + ".aside"
        os.mkdir(aside)
        self.put_aside(self.path, aside)
        self.build(self.root, self.path, aside)
        shutil.rmtree(aside)
        self.inodes = {}
        self.unsure = None
        self.root = self.scan(self.path)

    def put_aside(self, path, aside):
        """Moves all that is below a folder into another, each under its inode."""
        for entry in list(os.scandir(path)):
            if entry.is_dir(follow_symlinks=False):
                self.put_aside(entry.path, aside)
            os.rename(entry.path, os.path.join(aside, str(entry.inode())))

    def build(self, folder, path, aside):
        for name, what in folder.names.items():
            here, there = os.path.join(path, name), os.path.join(aside, str(what.ino))
            kept = os.path.lexists(there) and os.path.isdir(there) == isinstance(what, Folder)
            if kept:
                os.rename(there, here)
            if isinstance(what, Folder):
                if not kept:
                    os.mkdir(here, 0o700)
                self.build(what, here, aside)
            else:
                with open(os.open(here, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as f:
                    if f.read() != what.data:
                        f.seek(0)
                        f.write(what.data)
                        f.truncate()


__all__ = ["Disk", "KINDS", "Failed"]
