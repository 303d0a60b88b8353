"""Names of units and materials, and container numbers."""

from __future__ import annotations

import csv
import hashlib
import hmac
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InputError
from ledger.events import ids, iso6346
from ledger.events.ids import UnitType

ROOT = Path(__file__).resolve().parents[3]
SECRET = bytes(range(32))
NAMES = st.from_regex(r"[!-~]{1,12}( [!-~]{1,12}){0,2}", fullmatch=True)


@pytest.mark.parametrize("unit_type", list(UnitType))
def test_unit_id__computed_by_hand__same(unit_type: UnitType) -> None:
    expected = hmac.new(SECRET, json.dumps([str(unit_type), "A b", 'q"1'], separators=(",", ":")).encode(), hashlib.sha256)
    assert ids.unit_id(SECRET, unit_type, "A b", 'q"1') == expected.digest()


def test_unit_id__other_type_scope_number_or_secret__differs() -> None:
    base = ids.unit_id(SECRET, UnitType.LOT, "a", "b")
    others = [ids.unit_id(SECRET, UnitType.CARGO, "a", "b"), ids.unit_id(SECRET, UnitType.LOT, "a", "b2"),
              ids.unit_id(SECRET, UnitType.LOT, "b", "a"), ids.unit_id(bytes(32), UnitType.LOT, "a", "b")]
    assert len({base, *others}) == 5


def test_material_id__same_code_in_other_unit__differs() -> None:
    assert ids.material_id(SECRET, "FAB", "MTR") != ids.material_id(SECRET, "FAB", "KGM")


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_unit_id__secret_of_other_length__refused(length: int) -> None:
    with pytest.raises(InputError, match="32 bytes"):
        ids.unit_id(bytes(length), UnitType.LOT, "a", "b")


@given(scope=NAMES, number=NAMES, unit_type=st.sampled_from([UnitType.CARGO, UnitType.LOT, UnitType.LINE]))
def test_identifier__written_and_read__same_names(scope: str, number: str, unit_type: UnitType) -> None:
    uri = ids.identifier(unit_type, scope, number)
    assert uri.isascii() and " " not in uri and "=" not in uri
    assert ids.parse_identifier(uri) == ids.Identifier(unit_type, scope, number)


@given(number=NAMES)
def test_identifier__every_character_escaped__same_name(number: str) -> None:
    spelled = "".join(f"%{ord(c):02x}" for c in number)
    assert ids.parse_identifier(f"urn:cargoledger:lot:e:{spelled}") == ids.Identifier(UnitType.LOT, "e", number)


LOOK_ALIKES = {
    "cyrillic A": "LOT-А1", "greek omicron": "LΟT-1", "full-width digit": "LOT-１", "zero-width space": "LOT\u200b1",
    "right-to-left mark": "LOT\u200f1", "combining dot": "LO\u0307T", "no-break space": "LOT\u00a01",
    "soft hyphen": "LOT\u00ad1", "arabic digit": "LOT-١", "control": "LOT\x071", "tab": "LOT\t1",
}


@pytest.mark.parametrize("name", LOOK_ALIKES.values(), ids=LOOK_ALIKES.keys())
def test_name__letter_that_looks_like_another__refused_with_its_place(name: str) -> None:
    with pytest.raises(InputError) as caught:
        ids.name(name)
    bad = next(i for i, c in enumerate(name) if not " " <= c <= "~")
    assert f"U+{ord(name[bad]):04X}" in caught.value.message and f"character {bad + 1}" in caught.value.message


@pytest.mark.parametrize("name", LOOK_ALIKES.values(), ids=LOOK_ALIKES.keys())
def test_identifier__look_alike_percent_encoded__refused(name: str) -> None:
    encoded = "".join(f"%{byte:02X}" for byte in name.encode())
    with pytest.raises(InputError):
        ids.parse_identifier(f"urn:cargoledger:lot:e:{encoded}")


@pytest.mark.parametrize("name", ["", " a", "a ", "a  b", "x" * 81])
def test_name__empty_spaced_or_too_long__refused(name: str) -> None:
    with pytest.raises(InputError):
        ids.name(name)


@pytest.mark.parametrize("uri", [
    "urn:cargoledger:lot:a", "urn:cargoledger:lot:a:b:c", "urn:cargoledger:lot::b", "urn:cargoledger:lot:a:",
    "urn:cargoledger:lot:a:%", "urn:cargoledger:lot:a:%4", "urn:cargoledger:lot:a:%ZZ", "urn:cargoledger:lot:a:b c",
    "urn:cargoledger:lot:a:b=c", "urn:cargoledger:lot:a:b?c", "URN:cargoledger:lot:a:b", "urn:CargoLedger:lot:a:b",
    "urn:epc:id:bic:csqu3054383", "urn:epc:id:bic:", "urn:epc:id:bic:CSQU 3054383", "urn:epc:id:bic:CSQU305438३",
    "URN:EPC:ID:BIC:CSQU3054383",
])
def test_identifier__malformed_but_claims_to_be_ours__refused(uri: str) -> None:
    with pytest.raises(InputError):
        ids.parse_identifier(uri)


@pytest.mark.parametrize("uri", ["urn:epc:id:sgtin:0614141.107346.2017", "https://id.gs1.org/01/09521141012345/21/2017",
                                 "urn:cargoledger:document:CONTRACT:1", "urn:cargoledger:place:VNHPH:x"])
def test_identifier__of_something_else__names_no_unit(uri: str) -> None:
    assert ids.parse_identifier(uri) is None


def rows() -> list[dict[str, str]]:
    with (ROOT / "tests" / "data" / "iso6346.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_container_numbers__corpus__judged_as_listed() -> None:
    listed = rows()
    assert len(listed) == 55
    wrong = [r["value"] for r in listed if (iso6346.container_number_fault(r["value"]) is None) != (r["valid"] == "true")]
    assert not wrong, wrong
    wrong = [r["value"] for r in listed if (iso6346.container_number_fault(iso6346.normalise(r["value"])) is None)
             != (r["valid_after_normalising"] == "true")]
    assert not wrong, wrong


def test_container_numbers__corpus_beside_the_repository__same_file(shared_data: Path) -> None:
    assert (shared_data / "iso6346.csv").read_bytes() == (ROOT / "tests" / "data" / "iso6346.csv").read_bytes()


@pytest.mark.parametrize("position", range(4, 11))
def test_container_number__any_single_digit_changed__not_valid(position: int) -> None:
    number = "CSQU3054383"
    for other in "0123456789":
        changed = number[:position] + other + number[position + 1:]
        expected_valid = changed == number
        assert (iso6346.container_number_fault(changed) is None) == expected_valid, changed


def test_container_number__newline_after_it__not_valid() -> None:
    assert iso6346.container_number_fault("CSQU3054383\n") is not None
