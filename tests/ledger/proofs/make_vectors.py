"""Write docs/formats/vectors/commitment.json from the reference implementation (not from the product).

    .venv/bin/python -m tests.ledger.proofs.make_vectors
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ledger.events.strict_json import dump_json, parse_json
from tests.ledger.proofs import reference_commitment as reference

TARGET = Path(__file__).resolve().parents[3] / "docs" / "formats" / "vectors" / "commitment.json"

EVENTS = {
    "one field": '{"type": "ObjectEvent"}',
    "no field at all": "{}",
    "numbers equal as doubles, first": '{"ex:q": 9007199254740993}',
    "numbers equal as doubles, second": '{"ex:q": 9007199254740992}',
    "one number, written one way": '{"ex:q": 0.1000, "ex:r": 1E+2, "ex:s": -0.0}',
    "one number, written another way": '{"ex:q": 0.1, "ex:r": 100, "ex:s": 0}',
    "number": '{"ex:q": 5}',
    "text of the same digits": '{"ex:q": "5"}',
    "text that looks like a committed number": '{"ex:q": "#5"}',
    "recordTime is left out": '{"type": "ObjectEvent", "recordTime": "2025-01-01T00:00:00Z"}',
    "empty list": '{"epcList": []}',
    "list of one, and a list in a list": '{"epcList": ["urn:epc:id:bic:CSQU3054383"], "ex:l": [[1, [true, null]]]}',
    "pointer escapes and key order": '{"ex:a/b~c": {"\U0001f6a2": "ship", "\ufb33": "dalet", "é": "\\u0007\\"\\\\", "a": false}}',
    "an event": (
        '{"@context": ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld", {"cl": "urn:cargoledger:v1:"}], '
        '"type": "ObjectEvent", "eventID": "https://example.org/events/1", "eventTime": "2025-03-01T08:00:00+07:00", '
        '"eventTimeZoneOffset": "+07:00", "action": "OBSERVE", "cl:kind": "ISSUE_PROD", "cl:book": "song-hong-sxxk", '
        '"readPoint": {"id": "urn:cargoledger:place:VNBNH:factory"}, "quantityList": [{"epcClass": '
        '"urn:cargoledger:lot:song-hong:L1", "quantity": 7400.250, "uom": "MTR"}], "cl:reason": "Lệnh sản xuất 2503"}'),
}


def vectors() -> dict[str, Any]:
    """All vectors, computed by the reference."""
    secret = bytes(range(32))
    cases = []
    for title, text in EVENTS.items():
        leaves = reference.leaves(parse_json(text.encode()), secret, "song-hong")
        cases.append({
            "title": title, "event": text,
            "leaves": [{"pointer": x["pointer"], "text": x["text"], "salt": x["salt"].hex(), "hash": x["hash"].hex()}
                       for x in leaves],
            "root": reference.tree([x["hash"] for x in leaves]).hex()})
    return {"format": "commitment", "description": "docs/formats/commitment.md", "secret": secret.hex(),
            "submitter": "song-hong", "cases": cases}


def text() -> str:
    """The file's text, a leaf a line."""
    return dump_json(vectors()).replace('{"pointer"', '\n   {"pointer"').replace('{"title"', '\n {"title"') + "\n"


if __name__ == "__main__":
    TARGET.write_text(text(), "utf-8")
