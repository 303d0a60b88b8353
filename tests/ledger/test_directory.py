"""The file of names: what was saved is read again, and what is none says which entry is wrong and what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ledger.directory import BookEntry, Directory, FacilityEntry, ParticipantEntry
from ledger.errors import InputError
from ledger.vocabulary import BookOption, Role

WHO = {"number": 1, "id": "acme", "uri": "https://acme.example/", "name": "Acme", "roles": ["PROCESSOR"]}


def _file(**lists: Any) -> dict[str, Any]:
    return {"participants": [], "facilities": [], "books": [], **lists}


def _saved(tmp_path: Path, value: object) -> Path:
    path = tmp_path / "participants.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def test_directory__saved__is_read_again(tmp_path: Path) -> None:
    directory = Directory()
    directory.add(ParticipantEntry(1, "acme", "https://acme.example/", "Acme", Role.PROCESSOR | Role.YARD, hold_bit=2))
    directory.add(FacilityEntry(1, "mill", "", "Mill", "acme", supervised=False))
    directory.add(BookEntry(1, "acme-sxxk", "Garments", "acme", "SXXK", BookOption(1)))
    path = tmp_path / "participants.json"
    directory.save(path)
    assert Directory.load(path) == directory
    assert Directory.load(_saved(tmp_path, _file(participants=[WHO]))).participant("acme").roles == Role.PROCESSOR


@pytest.mark.parametrize(("value", "says"), [
    ([], "it is a list and not an object"),
    ("[" * 100_000, "is not JSON"),
    ('"names"', "it is a text"),
    ({}, "it has no participants"),
    (_file(books=None), "books is null and not a list"),
    (_file(facilities={}), "facilities is an object and not a list"),
    (_file(participants=[1]), "entry 1 of participants is a number"),
    (_file(participants=[WHO, {"number": 2, "id": "x"}]), "entry 2 of participants has no uri, name, roles"),
    (_file(participants=[{**WHO, "mail": "x"}]), "has mail, which no entry has"),
    (_file(participants=[{**WHO, "roles": "CUSTOMS"}]), "roles of entry 1 of participants is not a list of names"),
    (_file(participants=[{**WHO, "roles": ["BOSS"]}]), "names 'BOSS', which is none of CARRIER"),
    (_file(participants=[{**WHO, "number": "1"}]), "number of entry 1 of participants is a text and not a whole number"),
    (_file(participants=[{**WHO, "number": True}]), "is true or false and not a whole number"),
    (_file(participants=[{**WHO, "id": ["acme"]}]), "id of entry 1 of participants is a list and not a text"),
])
def test_directory__of_another_shape__is_named_with_its_file_and_what_to_do(tmp_path: Path, value: object, says: str) -> None:
    with pytest.raises(InputError) as fault:
        Directory.load(_saved(tmp_path, value))
    assert "participants.json" in fault.value.message and says in fault.value.message
    assert '"participants": [...]' in fault.value.remedy


def test_directory__in_another_encoding__is_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "participants.json"
    path.write_bytes('{"participants": [], "é"}'.encode("latin-1"))
    with pytest.raises(InputError, match="is not JSON"):
        Directory.load(path)
