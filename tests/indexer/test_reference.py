"""docs/reference/index.md has every table and column with its type, and no other; the picture has every table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import Boolean, Integer, Table

import indexer.payloads as payloads
from indexer.columns import U64, Micro
from indexer.journal import JOURNAL_TABLES
from indexer.models import TABLES

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "index.md").read_text("utf-8")
SECTIONS = {part.split("\n", 1)[0].strip(): part for part in re.split(r"^### ", TEXT, flags=re.M)[1:]}


def type_word(column: object) -> str:
    kind = column.type  # type: ignore[attr-defined]
    for cls, word in ((Micro, "micro"), (U64, "u64"), (Boolean, "boolean"), (Integer, "integer")):
        if isinstance(kind, cls):
            return word
    return "text"


def test_reference__tables__those_of_the_models() -> None:
    assert sorted(SECTIONS) == sorted(table.name for table in (*TABLES, *JOURNAL_TABLES))


@pytest.mark.parametrize("table", [*TABLES, *JOURNAL_TABLES], ids=lambda table: table.name)
def test_reference__columns__those_of_the_model_with_key_and_type(table: Table) -> None:
    rows = re.findall(r"^\| (\w+)( \(key\))? \| (\w+)(, may be empty)? \| (.+) \|$", SECTIONS[table.name], flags=re.M)
    assert [(name, bool(key), word, bool(empty)) for name, key, word, empty, _ in rows if name != "column"] == [
        (c.name, c.primary_key, type_word(c), bool(c.nullable)) for c in table.columns]
    assert all(len(meaning) > 1 for *_, meaning in rows)


def test_reference__picture__shows_every_table_that_is_related_and_no_other() -> None:
    picture = TEXT.split("```mermaid")[1].split("```")[0]
    shown = set(re.findall(r"^    (\w+) [|}o]", picture, flags=re.M)) | set(re.findall(r"[|{o] (\w+) :", picture))
    assert shown == {table.name for table in TABLES}


def test_reference__faults_of_payloads__those_of_the_code() -> None:
    codes = {value for name, value in vars(payloads).items() if name.isupper() and name == value}
    assert len(codes) == 6
    assert set(re.findall(r"^\| ([A-Z_]+) \|", TEXT, flags=re.M)) == codes
