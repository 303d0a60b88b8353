"""One run of `cargoledger check FOLDER --json` in a process of its own: the time of each part, the memory.

Run as a program it prints one JSON line; `run` starts it.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from contextlib import redirect_stdout
from functools import wraps
from pathlib import Path
from typing import Any


def run(folder: Path) -> dict[str, Any]:
    """Check a folder in a new process: seconds, processor seconds, peak memory, findings, seconds by part."""
    root = Path(__file__).resolve().parents[2]
    paths = {"PYTHONPATH": f"{root}:{root / 'scripts'}"}
    command = [sys.executable, "-m", "tracer_bench.once", str(folder)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **paths}, cwd=root)
    if done.returncode:
        raise SystemExit(f"checking {folder} failed:\n{done.stderr[-2_000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main(folder: Path) -> dict[str, Any]:
    """The measured run: the command's own function, its output thrown away."""
    began = time.perf_counter()
    from api.cli import books
    from tracer import check, facts
    from tracer.files import document, reading
    from tracer.settlement import settle_facts

    parts: dict[str, float] = {}
    running: list[str] = []

    def timed(name: str, function: Any) -> Any:
        @wraps(function)
        def inner(*arguments: Any, **named: Any) -> Any:
            label = name or f"rule.{arguments[0].id}"
            outer, start = (running[-1] if running else ""), time.perf_counter()
            running.append(label)
            try:
                return function(*arguments, **named)
            finally:
                running.pop()
                spent = time.perf_counter() - start
                parts[label] = parts.get(label, 0.0) + spent
                if outer:  # each part without the parts within it
                    parts[outer] = parts.get(outer, 0.0) - spent
        return inner

    from tracer import files

    files.read_book = timed("read", reading.read_book)
    reading._assembled = timed("judge", reading._assembled)
    document.settle_facts = timed("settle", settle_facts)
    check.evaluate = timed("", check.evaluate)
    for name in ("replay", "accounts", "lineage", "usage", "stock_takes"):
        setattr(facts, name, timed(f"facts.{name}", getattr(facts, name)))
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        view = books.check_folder(folder, "", "", as_json=True)
    seconds = time.perf_counter() - began
    own, other = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "seconds": seconds,
        "cpu_seconds": own.ru_utime + own.ru_stime + other.ru_utime + other.ru_stime,
        "cpu_seconds_first": own.ru_utime + own.ru_stime,
        "mb": (own.ru_maxrss + other.ru_maxrss) / 1024,  # of both processes, what they share counted twice
        "findings": len(view["findings"]), "not_evaluable": len(view["not_evaluable"]),
        "population": sum(rule["population"] for rule in view["rules"]), "load": os.getloadavg()[0],
        "collector": gc.isenabled(), "parts": parts, "said": said(view),
    }


def said(document: dict[str, Any]) -> str:
    """Digest of what a check says: findings, what was refused, forms, exemption; without the names of events,
    which say in which file they stand.
    """
    findings = [{k: v for k, v in f.items() if k != "evidence"} for f in
                (*document["findings"], *document["not_evaluable"])]
    forms = [document[k] for k in ("form15", "form15a", "form16", "exemption", "attributions")]
    refused = [(r["kind"], r["outcome"], r["legs"]) for r in document["refused"]]
    return hashlib.sha256(json.dumps([findings, refused, forms], sort_keys=True).encode()).hexdigest()


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
