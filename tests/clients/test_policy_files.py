"""Policy files that another process can change without an open file."""

from __future__ import annotations

import ctypes
import mmap
import os
import time
from pathlib import Path

from conftest import MAIN
from dev import Dev

SETTLED_SECONDS = 1.0


def test_a_policy_in_shared_memory_is_not_used_before_it_is_unmapped(
    binary: Path, tmp_path: Path
) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    with Dev(binary, tmp_path / "dev", {"main": MAIN}) as dev:
        assert dev.vend("alice", "production").status == 200
        path = dev.policies / "main.yaml"
        # Python's own mappings keep a descriptor, which would be found.
        descriptor = os.open(path, os.O_RDWR)
        size = os.fstat(descriptor).st_size
        flags = mmap.PROT_READ | mmap.PROT_WRITE
        address = libc.mmap(None, size, flags, mmap.MAP_SHARED, descriptor, 0)
        os.close(descriptor)
        assert address not in (None, ctypes.c_void_p(-1).value)
        # As a program that edits the file in place.
        at = MAIN.encode().index(b"[alice, bob]") + len(b"[alice, ")
        ctypes.memmove(address + at, b"rob", 3)
        os.utime(path)
        time.sleep(2 * SETTLED_SECONDS)
        answer = dev.vend("bob", "production")
        assert (answer.status, answer.code) == (503, "STORE_UNAVAILABLE"), answer
        assert libc.munmap(address, size) == 0
        time.sleep(SETTLED_SECONDS)
        assert dev.vend("alice", "production").status == 200
        assert dev.vend("bob", "production").status == 403
