# SPDX-License-Identifier: GPL-2.0-only
"""bpf(2) from python: the few commands that tests often need. Running bpftool for each would take
a tenth of a second under emulation."""

import ctypes
import errno
import os
import struct

SYS_BPF = {"x86_64": 321, "aarch64": 280, "s390x": 351}[os.uname().machine]
_libc = ctypes.CDLL(None, use_errno=True)

MAP_LOOKUP, MAP_UPDATE, MAP_DELETE, MAP_NEXT_KEY = 1, 2, 3, 4
MAP_CREATE, OBJ_PIN, OBJ_GET, MAP_LOOKUP_BATCH, MAP_UPDATE_BATCH = 0, 6, 7, 24, 26
PROG_NEXT_ID, MAP_NEXT_ID, PROG_BY_ID, LINK_NEXT_ID = 11, 12, 13, 31

PINS = "/sys/fs/bpf/mptcp-mail"


def bpf(cmd, attr):
    """The raw call; attr is a bytearray, which the kernel may write to."""
    buf = (ctypes.c_char * len(attr)).from_buffer(attr)
    ret = _libc.syscall(SYS_BPF, cmd, buf, len(attr))
    if ret < 0:
        err = ctypes.get_errno()
        raise OSError(err, os.strerror(err))
    return ret


def objects():
    """{"prog": ids, "map": ids, "link": ids} of every object on this machine."""
    found = {}
    for kind, cmd in (("prog", PROG_NEXT_ID), ("map", MAP_NEXT_ID), ("link", LINK_NEXT_ID)):
        ids, last = set(), 0
        while True:
            attr = bytearray(struct.pack("=III", last, 0, 0))
            try:
                bpf(cmd, attr)
            except OSError as e:
                if e.errno != errno.ENOENT:
                    raise
                break
            last = struct.unpack("=III", attr)[1]
            ids.add(last)
        found[kind] = ids
    return found


def obj_get(path):
    name = ctypes.create_string_buffer(path.encode())
    return bpf(OBJ_GET, bytearray(struct.pack("=QII", ctypes.addressof(name), 0, 0)))


def obj_pin(fd, path):
    name = ctypes.create_string_buffer(path.encode())
    bpf(OBJ_PIN, bytearray(struct.pack("=QII", ctypes.addressof(name), fd, 0)))


def fields_of(fd):
    """What the kernel reports about a program or link, by name. Closes fd."""
    with os.fdopen(fd), open(f"/proc/self/fdinfo/{fd}") as f:
        return {name: value.strip() for name, value in (line.split(":", 1) for line in f)}


def program_of(path):
    """The id of the program that is pinned at path, or that the link pinned there runs."""
    return int(fields_of(obj_get(path))["prog_id"])


def verified_instructions(program):
    """How many instructions the verifier processed for the program with this id."""
    fd = bpf(PROG_BY_ID, bytearray(struct.pack("=III", program, 0, 0)))
    return int(fields_of(fd)["verified_insns"])


def map_create(kind, key_size, value_size, entries, flags=0):
    return bpf(MAP_CREATE, bytearray(struct.pack("=IIIII", kind, key_size, value_size, entries, flags)))


class Map:
    """One of our pinned maps. Keys and values are struct formats; single fields are unwrapped.
    "512s" fields end at the first NUL."""

    SHAPES = {
        "ports": ("=H", "=B"),
        "cgroups": ("=Q", "=II"),
        "departed": ("=Q", "=II"),
        "paths": ("=512s", "=II"),
        "netns": ("=Q", "=Q"),
        "stats": ("=I", "=16Q"),
        "meta": ("=I", "=IHBBQQ24s"),
        "accounts": ("=IHBB", "=8Q"),
        "summary": ("=I", "=IHBB"),
    }

    def __init__(self, name):
        self.key, self.value = (struct.Struct(f) for f in self.SHAPES[name])
        self.fd = obj_get(f"{PINS}/{name}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    @staticmethod
    def _out(shape, data):
        fields = tuple(f.split(b"\0")[0].decode(errors="surrogateescape") if isinstance(f, bytes) else f
                       for f in shape.unpack(data))
        return fields[0] if len(fields) == 1 else fields

    @staticmethod
    def _in(shape, value):
        fields = value if isinstance(value, tuple) else (value,)
        return shape.pack(*(f.encode(errors="surrogateescape") if isinstance(f, str) else f for f in fields))

    def _call(self, cmd, key, value=None, flags=0):
        k = ctypes.create_string_buffer(key, len(key)) if key is not None else None
        v = ctypes.create_string_buffer(value, len(value)) if value is not None else None
        attr = bytearray(struct.pack("=I4xQQQ", self.fd, ctypes.addressof(k) if k else 0,
                                     ctypes.addressof(v) if v else 0, flags))
        bpf(cmd, attr)
        return v.raw if v else None

    def get(self, key, default=None):
        try:
            return self._out(self.value, self._call(MAP_LOOKUP, self._in(self.key, key), bytes(self.value.size)))
        except OSError as e:
            if e.errno != errno.ENOENT:
                raise
            return default

    def __setitem__(self, key, value):
        self._call(MAP_UPDATE, self._in(self.key, key), self._in(self.value, value))

    def fill(self, keys, value):
        """Sets all keys to the value with one call."""
        packed = [self._in(self.key, key) for key in keys]
        k = ctypes.create_string_buffer(b"".join(packed))
        v = ctypes.create_string_buffer(self._in(self.value, value) * len(packed))
        bpf(MAP_UPDATE_BATCH, bytearray(struct.pack("=QQQQIIQQ", 0, 0, ctypes.addressof(k), ctypes.addressof(v),
                                                    len(packed), self.fd, 0, 0)))

    def __delitem__(self, key):
        self._call(MAP_DELETE, self._in(self.key, key))

    def keys(self):
        last = None
        while True:
            try:
                last = self._call(MAP_NEXT_KEY, last, bytes(self.key.size))
            except OSError as e:
                if e.errno != errno.ENOENT:
                    raise
                return
            yield self._out(self.key, last)

    def dict(self):
        """A snapshot; leaves out entries that are deleted meanwhile."""
        found = {k: self.get(k) for k in list(self.keys())}
        return {k: v for k, v in found.items() if v is not None}


def map_dict(name):
    """The whole content of a pinned map; {} if there is none."""
    try:
        with Map(name) as m:
            return m.dict()
    except FileNotFoundError:
        return {}
