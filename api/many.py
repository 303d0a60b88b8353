"""Many books checked at once: in processes of this machine, or on a Dask cluster.

Books are independent, so each is checked by one process from its files to its document, and the documents are
put together in the order in which the books were named: the same bytes, however many processes there were. A
book that cannot be used, or that ends the process it is checked in, is an entry that says so; the others are
checked all the same.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from api.jsonio import dumps
from ledger.errors import CargoLedgerError, InputError, InvariantError, NotFoundError, UnavailableError
from tracer.policy import Policy

SETTINGS = "book.toml"
_ENDED = ("the process that checked this book was ended, each time that it was tried.",
          "Check it alone; a book of a million movements needs some 2.5 GB of memory.")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one book.

    Attributes:
        folder: as it was named.
        text: its entry as JSON: `folder` and `document`, or `folder` and `error`.
        book: its id; empty where it cannot be used. findings: how many, by rule.
        not_evaluable, faults: how many questions could not be answered, and rows not read.
        error: why it cannot be used; empty where it can.
        rule_pack: the rules it was checked by.
    """

    folder: str
    text: str
    book: str = ""
    findings: dict[str, int] = field(default_factory=dict)
    not_evaluable: int = 0
    faults: int = 0
    error: str = ""
    rule_pack: str = ""


def is_book(path: Path) -> bool:
    """Whether a folder is that of a book. One that may not be looked into is: reading it says why not."""
    try:
        return (path / SETTINGS).is_file()
    except OSError:
        return True


def books_in(folders: Sequence[Path]) -> list[str]:
    """The books meant: each folder that has a book.toml, and of any other the folders in it that have one.

    Raises:
        NotFoundError: a folder that is not there, or that holds no book; none is checked then.
    """
    found: dict[str, None] = {}
    for folder in folders:
        if not folder.is_dir():
            raise NotFoundError(f"there is no folder {folder}.", remedy="Name folders that have a book.toml.")
        if is_book(folder):
            found[str(folder)] = None
            continue
        inner = sorted(str(path) for path in folder.iterdir() if is_book(path))
        if not inner:
            raise NotFoundError(f"{folder} has no {SETTINGS}, nor has any folder in it.",
                                remedy="Name the folder of a book, or one that holds such folders.")
        found.update(dict.fromkeys(inner))
    return list(found)


def answer(folder: str, policy: Policy) -> Answer:
    """Check one book. Never raises for what is wrong with the book."""
    from tracer import collector
    from tracer.files import read_book
    from tracer.files.document import document_of

    try:
        with collector.paused():
            read = read_book(Path(folder))
            if policy != Policy():
                from dataclasses import replace

                read = replace(read, book=policy.on(read.book))
            view = document_of(read)
    except CargoLedgerError as fault:
        return _unusable(folder, fault)
    except Exception as fault:  # noqa: BLE001 - a fault of ours in one book must not cost the others theirs
        return _unusable(folder, InvariantError(
            f"checking this book failed: {type(fault).__name__}: {fault}.",
            remedy="This is a fault of the program. Check the book alone to see where, and report it."))
    rules = [finding["rule"] for finding in view["findings"]]
    return Answer(
        folder, dumps({"folder": folder, "document": view}, indent=2), view["book"],
        {rule: rules.count(rule) for rule in sorted(set(rules))}, len(view["not_evaluable"]),
        len(view["faults"]) + view["more_faults"], rule_pack=view["rule_pack"])


def _unusable(folder: str, fault: CargoLedgerError) -> Answer:
    error = {"code": fault.code, "message": fault.message, "remedy": fault.remedy}
    return Answer(folder, dumps({"folder": folder, "error": error}, indent=2), error=fault.message)


Ask = Callable[[str, Policy], Answer]


def in_processes(folders: Sequence[str], policy: Policy, workers: int, ask: Ask = answer) -> Iterator[Answer]:
    """Check books in so many processes; answers as they come.

    Where a process is ended from outside, what it and its neighbours had not answered is tried again, each in
    a process of its own, so that one book cannot take the others with it.
    """
    if workers < 2 or len(folders) < 2:
        yield from (ask(folder, policy) for folder in folders)
        return
    left = dict.fromkeys(folders)
    for found in _round(folders, policy, min(workers, len(folders)), ask):
        del left[found.folder]
        yield found
    for folder in left:
        again = list(_round([folder], policy, 1, ask))
        yield again[0] if again else _unusable(folder, InputError(_ENDED[0], remedy=_ENDED[1]))


def _round(folders: Iterable[str], policy: Policy, workers: int, ask: Ask) -> Iterator[Answer]:
    """Answers of one pool of processes, until one of them is ended."""
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    with ProcessPoolExecutor(workers, multiprocessing.get_context(method)) as pool:
        try:
            asked: list[Future[Answer]] = [pool.submit(ask, folder, policy) for folder in folders]
        except BrokenProcessPool:
            return
        for done in as_completed(asked):
            if not isinstance(done.exception(), BrokenProcessPool):
                yield done.result()


def on_dask(folders: Sequence[str], policy: Policy, address: str, ask: Ask = answer) -> Iterator[Answer]:
    """Check books on a Dask cluster whose workers see the same folders under the same names.

    Raises:
        InputError: Dask is not installed, or the cluster has other rules than this program.
        UnavailableError: the cluster does not answer.
    """
    try:
        import distributed
    except ImportError as absent:
        raise InputError("Dask is not installed.", remedy="Install cargoledger[dask].") from absent
    try:
        client = distributed.Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError, TimeoutError) as silent:
        raise UnavailableError(f"the Dask cluster at {address} does not answer: {silent}.",
                               remedy="Name its scheduler, as tcp://HOST:8786.") from silent
    with client:
        names = {client.submit(ask, folder, policy, pure=False, retries=1): folder for folder in folders}
        for future in distributed.as_completed(list(names), loop=client.loop):
            folder = names.pop(future)  # kept by nobody, the cluster forgets the document
            try:
                yield _alike(future.result())
            except distributed.KilledWorker:
                yield _unusable(folder, InputError(_ENDED[0], remedy=_ENDED[1]))


def _alike(found: Answer) -> Answer:
    """The workers must judge by the rules of this program."""
    from tracer.rules import RULE_PACK

    if found.rule_pack not in ("", RULE_PACK):
        raise InputError(f"the cluster checks by rule pack {found.rule_pack}, this program by {RULE_PACK}.",
                         remedy="Install the same version of CargoLedger on its workers.")
    return found


def in_order(answers: Iterable[Answer], folders: Sequence[str]) -> Iterator[Answer]:
    """Answers in the order of the books, each as soon as those before it are there."""
    waiting: dict[str, Answer] = {}
    names = iter(folders)
    wanted = next(names, None)
    for found in answers:
        waiting[found.folder] = found
        while wanted in waiting:
            yield waiting.pop(wanted)
            wanted = next(names, None)


def summary_of(answers: Sequence[Answer]) -> dict[str, Any]:
    """All books in figures: how many, with findings, unusable; findings by rule."""
    findings: dict[str, int] = {}
    for one in answers:
        for rule, count in one.findings.items():
            findings[rule] = findings.get(rule, 0) + count
    return {"books": len(answers), "with_findings": sum(bool(a.findings) for a in answers),
            "unusable": sum(bool(a.error) for a in answers), "findings": dict(sorted(findings.items())),
            "rule_pack": next((a.rule_pack for a in answers if a.rule_pack), "")}
