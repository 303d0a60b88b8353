"""Many books at once: the same bytes from one process, several, and a cluster; a bad book stops no other."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from test_cli import command

from api import many
from api.cli.main import app
from api.cli.shell import run
from tracer.files import document, read_book
from tracer.files.example import write_example
from tracer.files.example_faults import fault
from tracer.policy import Policy

ROOT = Path(__file__).resolve().parents[2]
FAULTS = ("", "short-stock", "double-use", "never-left")


@pytest.fixture(scope="module")
def nation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four books, and one whose movements are missing."""
    folder = tmp_path_factory.mktemp("nation")
    for i, name in enumerate(FAULTS):
        write_example(folder / f"book-{i}", fault(name).change if name else None)
    shutil.copytree(folder / "book-0", folder / "book-9")
    (folder / "book-9" / "movements.csv").unlink()
    (folder / "notes").mkdir()  # holds no book
    return folder


def dying(times: int, marks: Path, folder: str, policy: Policy) -> many.Answer:
    """Checks a book; ends its process at the first tries of book-1."""
    mark = marks / str(len(list(marks.iterdir())))
    if folder.endswith("book-1") and len(list(marks.iterdir())) < times:
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return many.answer(folder, policy)


def texts(answers: Iterator[many.Answer], folders: list[str]) -> list[str]:
    return [a.text for a in many.in_order(answers, folders)]


def test_check__folder_of_books__same_bytes_with_one_and_two_workers_and_each_as_alone(nation: Path) -> None:
    code, out, err = command("check", str(nation), "--json", "--workers", "1")
    assert code == 2, "one of them cannot be used"
    assert "5 of 5 books" in err
    for workers in ("2", "3"):
        assert command("check", str(nation), "--json", "--workers", workers)[:2] == (code, out)
    named = [str(nation / f"book-{i}") for i in (0, 1, 2, 3, 9)]
    assert command("check", *named, "--json", "--workers", "2")[:2] == (code, out)

    document = json.loads(out)
    assert [entry["folder"] for entry in document["books"]] == named
    for entry in document["books"][:4]:
        alone = command("check", entry["folder"], "--json")[1]
        assert entry["document"] == json.loads(alone)
    assert document["books"][4]["error"]["remedy"] and "document" not in document["books"][4]
    summary = document["summary"]
    assert (summary["books"], summary["with_findings"], summary["unusable"]) == (5, 3, 1)
    assert summary["findings"]["B2"] == 1 and summary["rule_pack"]


def test_check__several_books__exit_code_and_table_say_the_worst(nation: Path) -> None:
    clean, found = str(nation / "book-0"), str(nation / "book-1")
    assert command("check", clean, str(nation / "book-0" / ".") + "/")[0] == 0
    code, out, _ = command("check", clean, found)
    assert code == 1 and "B2 1" in out and "nothing" in out and "2 books: 1 with findings, 0 that cannot be used" in out
    code, out, _ = command("check", str(nation), "--workers", "2")
    assert code == 2 and "movements.csv" in out and "5 books: 3 with findings, 1 that" in out


def test_check__several_books_by_another_policy__each_by_it(nation: Path) -> None:
    _, out, _ = command("check", str(nation / "book-0"), str(nation / "book-1"), "--json", "--allocation", "fifo")
    assert [entry["document"]["allocation"] for entry in json.loads(out)["books"]] == ["FIFO", "FIFO"]
    assert command("check", str(nation), "--json", "--allocation", "none")[0] == 2


@pytest.mark.parametrize("times", [1, 2])
def test_workers__one_is_killed__its_book_is_tried_again_and_no_other_is_lost(
        nation: Path, times: int, tmp_path: Path) -> None:
    folders = many.books_in([nation])
    expected = texts(many.in_processes(folders, Policy(), 1), folders)
    got = texts(many.in_processes(folders, Policy(), 2, partial(dying, times, tmp_path)), folders)
    assert len(list(tmp_path.iterdir())) == times, "it was killed as often"
    if times == 1:
        assert got == expected
        return
    assert [t for i, t in enumerate(got) if i != 1] == [t for i, t in enumerate(expected) if i != 1]
    assert "was ended" in json.loads(got[1])["error"]["message"] and json.loads(got[1])["error"]["remedy"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """A scheduler and two workers on this machine's own interface."""
    pytest.importorskip("distributed", reason="Dask is an extra")
    code = ("from distributed import LocalCluster\n"
            "if __name__ == '__main__':\n"
            "    with LocalCluster(n_workers=2, threads_per_worker=1, host='127.0.0.1', dashboard_address=None) as c:\n"
            "        print(c.scheduler_address, flush=True)\n"
            "        input()\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests" / "api"), *sys.path])}
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          env=environment) as run:
        assert run.stdout is not None and run.stdin is not None
        yield run.stdout.readline().strip()
        run.communicate("\n", timeout=60)


def test_dask__local_cluster__same_bytes_as_one_process(nation: Path, cluster: str) -> None:
    code, out, _ = command("check", str(nation), "--json", "--workers", "1")
    assert command("check", str(nation), "--json", "--dask", cluster)[:2] == (code, out)


def test_dask__worker_killed__its_book_is_tried_on_another(nation: Path, cluster: str, tmp_path: Path) -> None:
    folders = many.books_in([nation])
    expected = texts(many.in_processes(folders, Policy(), 1), folders)
    ask = partial(dying, 1, tmp_path)
    assert texts(many.on_dask(folders, Policy(), cluster, ask), folders) == expected
    assert len(list(tmp_path.iterdir())) == 1


def test_dask__other_rules_on_the_cluster__refused(nation: Path, cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracer.rules.RULE_PACK", "vn-of-another-version")
    with pytest.raises(many.InputError, match="rule pack"):
        list(many.on_dask(many.books_in([nation]), Policy(), cluster))


def test_dask__not_installed__says_what_to_install(nation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(many.InputError) as refused:
        list(many.on_dask(many.books_in([nation]), Policy(), "tcp://127.0.0.1:1"))
    assert "cargoledger[dask]" in str(refused.value.remedy)


@pytest.fixture
def forbidden(nation: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A nation of which one book may not be looked into, and one has a table that may not be read."""
    opened, looked = Path.open, Path.stat

    def no_right(path: Path) -> None:
        if path.match("book-1/norms.csv") or path.match("book-2/*"):
            raise PermissionError(13, "Permission denied", str(path))

    def open_(self: Path, *args: object, **said: object) -> object:
        no_right(self)
        return opened(self, *args, **said)  # type: ignore[call-overload]

    def stat(self: Path, **said: bool) -> os.stat_result:
        if self.match("book-2/*"):
            no_right(self)
        return looked(self, **said)

    monkeypatch.setattr(Path, "open", open_)
    monkeypatch.setattr(Path, "stat", stat)
    return nation


def test_folders__without_the_right_to_read_them__are_said_and_stop_no_other(
        forbidden: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = {a.folder[-1]: a for a in many.in_processes(many.books_in([forbidden]), Policy(), 1)}
    assert {name: bool(a.error) for name, a in answers.items()} == {
        "0": False, "1": True, "2": True, "3": False, "9": True}
    for name in "12":
        assert "cannot be read: Permission denied" in answers[name].error
    for name in ("book-1/", "book-2/", "book-2"):
        with pytest.raises(SystemExit) as ended:
            run(app, ["check", str(forbidden / name)])
        assert ended.value.code == 2
        assert "Permission denied" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        run(app, ["book", "example", "/proc/no-such-place", "--json"])
    assert (ended.value.code, json.loads(capsys.readouterr().out)["error"]["code"]) == (2, "CL-INPUT-001")


def test_book__that_a_fault_of_the_program_stops__is_an_entry_of_its_own(
        nation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = document.document_of

    def failing(read: object, **said: object) -> object:
        if read.files == made_of:  # type: ignore[attr-defined]
            raise ZeroDivisionError("zero")
        return made(read, **said)  # type: ignore[arg-type]

    (nation / "book-3" / "rates.csv").write_text("currency,rate\n", "utf-8")
    made_of = read_book(nation / "book-3").files
    monkeypatch.setattr(document, "document_of", failing)
    answers = {a.folder[-1]: a for a in many.in_processes(many.books_in([nation]), Policy(), 1)}
    (nation / "book-3" / "rates.csv").unlink()
    assert "ZeroDivisionError: zero" in answers["3"].error and "CL-INVARIANT-001" in answers["3"].text
    assert not answers["0"].error and not answers["1"].error
