"""Faults of single file calls, made by strace in a forked child: killed there, or answered EIO, once or for ever.

The child is forked from the test, so that Python starts once and not a thousand times; it waits until strace has
attached. Without strace, or where it may not trace, tests over it say so (and a full run, which may skip nothing,
fails); failpoints inside the process (tests/ledger/gateway/test_durability.py) remain.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

FILE_CALLS = ("write", "pwrite64", "fsync", "fdatasync", "ftruncate", "openat", "unlink")
_PR_SET_PTRACER = 0x59616D61


@dataclass(frozen=True)
class Result:
    """How a child ended: exit code (negative: the signal), what it said, the calls it made on the files."""

    code: int
    said: str
    calls: tuple[str, ...]


def strace() -> str:
    """Where strace is, if it may trace here; else the test is skipped with the reason."""
    found = shutil.which("strace")
    if found is None:
        pytest.skip("strace is not installed (scripts/tools installs it); file calls cannot be made to fail here")
    if subprocess.run([found, "-o", "/dev/null", "true"], check=False, capture_output=True).returncode:
        pytest.skip("strace may not trace here (ptrace is not allowed); file calls cannot be made to fail here")
    return found


def run(work: Callable[[], None], files: Sequence[Path], *, inject: str = "") -> Result:
    """Run `work` in a forked child under strace.

    Args:
        work: what the child does; what it writes to file descriptor 1 is returned.
        files: calls on these are traced, and made to fail.
        inject: strace's `-e inject=` expression, as `pwrite64:error=EIO:when=3`.
    """
    said_out, said_in = os.pipe()
    go_out, go_in = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(go_in)
            ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(2**64 - 1), 0, 0, 0)  # strace is no parent of ours
            os.read(go_out, 1)
            os.dup2(said_in, 1)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - a fault of the disk ends the child, as it ends a program
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(said_in)
    os.close(go_out)
    trace = files[0].parent / f"trace-{child}"
    command = [strace(), "-f", "-p", str(child), "-o", str(trace), "-e", "trace=" + ",".join(FILE_CALLS)]
    command += [part for file in files for part in ("-P", str(file))] + (["-e", f"inject={inject}"] if inject else [])
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    attached = tracer.stderr.readline()
    os.write(go_in, b"g")
    os.close(go_in)
    with os.fdopen(said_out) as pipe:
        said = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    tracer.stderr.close()
    tracer.wait()
    assert "attached" in attached, attached
    calls = tuple(line.split(None, 1)[1].partition("(")[0] for line in trace.read_text().splitlines() if "(" in line)
    trace.unlink()
    return Result(code, said, tuple(call for call in calls if call in FILE_CALLS))


def points(result: Result) -> list[tuple[str, int]]:
    """Every file call of a run: its name and the how manieth of that name it is."""
    seen: dict[str, int] = {}
    found = []
    for call in result.calls:
        seen[call] = seen.get(call, 0) + 1
        found.append((call, seen[call]))
    return found
