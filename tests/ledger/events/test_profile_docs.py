"""docs/formats/event-profile.md and its vectors say what the code does."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from pathlib import Path

import pytest

from ledger.directory import Directory
from ledger.events.model import CustodyEvent
from ledger.events.naming import NamingContext
from ledger.events.profile import interpret, profile_schema
from ledger.events.rules import _NO_OBJECT_NEEDED
from ledger.events.strict_json import parse_json
from ledger.limits import DEFAULT_LIMITS
from tests.ledger.events import profile_docs

TEXT = profile_docs.DOCUMENT.read_text("utf-8")
VECTORS = parse_json(profile_docs.VECTORS.read_bytes())
SECRET = bytes.fromhex(VECTORS["network_secret"])
KEYS = {name: bytes.fromhex(key) for name, key in VECTORS["enterprise_keys"].items()}


def test_tables__printed_in_the_document__as_the_code_has_them() -> None:
    assert profile_docs.filled(TEXT) == TEXT


def test_vectors__written_again__same_file() -> None:
    assert profile_docs.VECTORS.read_text("utf-8") == profile_docs.vectors_text()


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda c: c["kind"])
def test_vectors__interpreted_from_the_file_alone__signed_as_stated(case: dict) -> None:  # type: ignore[type-arg]
    resolve = {uri: bytes.fromhex(value[2:]) for uri, value in case["resolve"].items()}
    context = NamingContext(SECRET, Directory.from_json(VECTORS["directory"]), KEYS, case["poster"], resolve.get)
    found = interpret(case["event"], context)
    assert found.event == CustodyEvent.from_json(case["signed"])


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda c: c["kind"])
def test_vectors__ids__recomputed_without_the_product(case: dict) -> None:  # type: ignore[type-arg]
    for unit in case["units"]:
        assert unit["unit"] == by_hand(SECRET, [unit["type"], unit["scope"], unit["number"]])
    for material in case["materials"]:
        assert material["material"] == by_hand(KEYS[material["enterprise"]], [material["code"], material["uom"]])


def by_hand(key: bytes, parts: list[str]) -> str:
    return "0x" + hmac.new(key, json.dumps(parts, separators=(",", ":")).encode(), hashlib.sha256).hexdigest()


def test_document__ids_of_section_4__right() -> None:
    rows = re.findall(r"^\| `(\[.*?\])` \| `(0x[0-9a-f]{64})` \|$", TEXT, flags=re.M)
    assert len(rows) == 4
    for text, stated in rows:
        parts = json.loads(text)
        assert stated == by_hand(KEYS["song-hong"] if len(parts) == 2 else SECRET, parts)


def test_document__terms__all_and_only_those_of_the_schema() -> None:
    section = TEXT.split("## 6.")[1].split("## 7.")[0]
    named = set(re.findall(r"`(cl:\w+)`", section))
    properties = profile_schema()["properties"]
    known = {*properties, *properties["sensorElementList"]["items"]["properties"]}
    assert named == {key for key in known if key.startswith("cl:")}


def test_document__limits__those_of_the_code() -> None:
    limits = DEFAULT_LIMITS
    assert f"more than {limits.json_depth_max} levels" in TEXT
    assert (limits.body_bytes_max, limits.event_bytes_max) == (4 << 20, 256 << 10)
    assert f"{limits.capture_events_max:,} events" in TEXT
    exempt = TEXT.split("about another event or a paper: ")[1].split(".")[0]
    assert set(exempt.split(", ")) == set(_NO_OBJECT_NEEDED)


def test_schemas__published_files__named_in_the_document() -> None:
    folder = Path(profile_docs.__file__).resolve().parents[3] / "ledger" / "events" / "schemas"
    for path in folder.glob("*.schema.json"):
        assert path.name in TEXT
