"""Signed readings: what the device signs, each verdict provoked, and Ed25519 taken strictly."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import ConflictError, InputError
from ledger.events.readings import (
    SENTENCES,
    TERM,
    Circumstances,
    Earlier,
    Reading,
    Registered,
    Verdict,
    judge,
    readings_of,
    subjects_of,
)
from ledger.events.schema import profile_faults
from ledger.events.strict_json import parse_json
from ledger.keys.devices import DeviceKey, load_device_key, new_device_key
from ledger.keys.reading import load_checkpoint_key
from tests.ledger.events import readings_docs

KEY = DeviceKey(b"\x07" * 32)
CHAIN = 72024
T = 1_739_323_740  # 2025-02-12T01:29:00Z
ELEMENT: dict[str, Any] = {
    "sensorMetadata": {"time": "2025-02-12T08:29:00+07:00", "deviceID": "urn:example:weighbridge-1"},
    "sensorReport": [{"type": "Mass", "value": Decimal("8120.50"), "uom": "KGM"}]}
DEVICE = Registered(participant=3, facility=5, valid_from_s=T - 10, valid_until_s=T + 10, revoked_at_s=None,
                    calibrations=((T - 100, T),))
SEEN = Circumstances(chain_id=CHAIN, parties=frozenset({3, 4}), place="urn:place", facilities=frozenset({5}),
                     subjects=frozenset({"urn:box"}), occurred_at_ms=T * 1000 + 60_000, recorded_at_s=T + 600)


def reading(element: dict[str, Any] | None = None, **more: Any) -> Reading:
    fields: dict[str, Any] = {"chain_id": CHAIN, "counter": 17, "place": "urn:place", "subject": "urn:box", **more}
    found, = readings_of({"sensorElementList": [KEY.sign_element(element or ELEMENT, **fields)]})
    assert isinstance(found, Reading)
    return found


def test_reading__of_a_registered_calibrated_device_in_time_and_place__verified() -> None:
    assert judge(reading(), DEVICE, SEEN, []) is Verdict.VERIFIED
    assert judge(reading(place="", subject=""), replace(DEVICE, facility=0), SEEN, []) is Verdict.VERIFIED  # carried about
    assert judge(reading(), DEVICE, SEEN, [Earlier(16, T * 1000), Earlier(18, T * 1000)]) is Verdict.VERIFIED


def at(seconds: int) -> dict[str, Any]:
    minute, second = divmod(29 * 60 + seconds, 60)
    element = copy.deepcopy(ELEMENT)
    element["sensorMetadata"]["time"] = f"2025-02-12T{8 + minute // 60:02d}:{minute % 60:02d}:{second:02d}+07:00"
    return element


WIDE = replace(DEVICE, valid_from_s=0, valid_until_s=2**64 - 1, calibrations=((0, 2**64 - 1),))
FAULTS: list[Any] = [
    (Verdict.BAD_SIGNATURE, reading(chain_id=7), DEVICE, SEEN, []),
    (Verdict.UNKNOWN_DEVICE, reading(), None, SEEN, []),
    (Verdict.REVOKED_DEVICE, reading(), replace(DEVICE, revoked_at_s=SEEN.recorded_at_s), SEEN, []),
    (Verdict.OTHER_PARTICIPANT, reading(), replace(DEVICE, participant=9), SEEN, []),
    (Verdict.OTHER_PLACE, reading(), replace(DEVICE, facility=6), SEEN, []),
    (Verdict.OTHER_PLACE, reading(place="urn:elsewhere"), DEVICE, SEEN, []),
    (Verdict.OTHER_SUBJECT, reading(subject="urn:other"), DEVICE, SEEN, []),
    (Verdict.OUTSIDE_WINDOW, reading(), replace(DEVICE, valid_from_s=T + 1), SEEN, []),
    (Verdict.OUTSIDE_WINDOW, reading(), replace(DEVICE, valid_until_s=T - 1), SEEN, []),
    (Verdict.NOT_CALIBRATED, reading(), replace(DEVICE, calibrations=((T - 100, T - 1),)), SEEN, []),
    (Verdict.NOT_CALIBRATED, reading(), replace(DEVICE, calibrations=((T - 100, 0),)), SEEN, []),
    (Verdict.IN_FUTURE, reading(at(60 + 301)), WIDE, SEEN, []),
    (Verdict.IN_FUTURE, reading(at(60)), WIDE, replace(SEEN, recorded_at_s=T - 300), []),
    (Verdict.TOO_OLD, reading(), DEVICE, replace(SEEN, occurred_at_ms=(T + 3601) * 1000), []),
    (Verdict.COUNTER_REUSED, reading(), DEVICE, SEEN, [Earlier(17, T * 1000)]),
    (Verdict.COUNTER_ORDER, reading(), DEVICE, SEEN, [Earlier(16, T * 1000 + 1)]),
    (Verdict.COUNTER_ORDER, reading(), DEVICE, SEEN, [Earlier(18, T * 1000 - 1)]),
]


@pytest.mark.parametrize(("verdict", "found", "device", "seen", "earlier"), FAULTS, ids=[f"{i}-{f[0]}" for i, f in enumerate(FAULTS)])
def test_reading__one_thing_wrong__that_verdict(verdict: Verdict, found: Reading, device: Registered | None, seen: Circumstances,
                                                earlier: list[Earlier]) -> None:
    assert judge(found, device, seen, earlier) is verdict


def test_verdicts__every_one__provoked_here_and_has_a_sentence() -> None:
    assert {f[0] for f in FAULTS} | {Verdict.VERIFIED, Verdict.MALFORMED} == set(Verdict) == set(SENTENCES)


def test_reading__at_each_bound__still_verified() -> None:
    assert judge(reading(at(60 + 300)), WIDE, SEEN, []) is Verdict.VERIFIED
    assert judge(reading(), DEVICE, replace(SEEN, occurred_at_ms=(T + 3600) * 1000), []) is Verdict.VERIFIED
    assert judge(reading(), replace(DEVICE, valid_from_s=T, valid_until_s=T, revoked_at_s=SEEN.recorded_at_s + 1), SEEN, []) is Verdict.VERIFIED


@pytest.mark.parametrize(("calibrations", "at_s", "known", "held"), [
    (((100, 200),), 200, 999, True), (((100, 200),), 201, 999, False), (((100, 200),), 50, 999, True),
    (((100, 200), (300, 400)), 250, 999, False),  # renewed later: the gap stays a gap
    (((100, 200), (300, 400)), 300, 999, True), (((100, 200), (150, 400)), 350, 999, True),
    (((100, 400), (300, 150)), 200, 999, False),  # found out of calibration at 300, not to be trusted since 150 ...
    (((100, 400), (300, 150)), 150, 999, True), (((100, 400), (300, 150)), 200, 299, True),  # ... which nobody knew before
    (((100, 400), (300, 150), (310, 900)), 320, 999, True), ((), 1, 9, False),
])
def test_calibration__renewed_lapsed_or_taken_back__what_was_in_force_counts(
        calibrations: tuple[tuple[int, int], ...], at_s: int, known: int, held: bool) -> None:
    assert replace(DEVICE, calibrations=calibrations).calibrated_at(at_s, known) is held


CHANGES: list[Any] = [
    ("device", DeviceKey(b"\x08" * 32).public), ("counter", 18), ("measured_at_ms", 0), ("place", "urn:x"), ("subject", ""),
    ("reports", ({"type": "Mass", "value": Decimal("8120.51"), "uom": "KGM"},)), ("reports", ELEMENT["sensorReport"] * 2),
    ("reports", ({"type": "Mass", "value": "8120.5", "uom": "KGM"},)), ("signature", bytes(64)),
]


@pytest.mark.parametrize(("name", "value"), CHANGES, ids=[f"{i}-{c[0]}" for i, c in enumerate(CHANGES)])
def test_reading__anything_signed_is_changed__bad_signature(name: str, value: Any) -> None:
    assert {c[0] for c in CHANGES} | {"position"} == set(Reading.__dataclass_fields__)
    assert reading().is_signed(CHAIN)
    assert not replace(reading(), **{name: value}).is_signed(CHAIN)


def test_reading__same_number_written_otherwise__same_message() -> None:
    element = copy.deepcopy(ELEMENT)
    element["sensorReport"][0]["value"] = Decimal("8.1205E+3")
    element["sensorReport"][0] = dict(reversed(element["sensorReport"][0].items()))
    element["sensorMetadata"]["time"] = "2025-02-12T01:29:00.0004Z"
    assert reading(element).message(CHAIN) == reading().message(CHAIN)


@given(st.integers(0, 511))
def test_signature__any_bit_flipped__refused(bit: int) -> None:
    good = reading()
    signature = bytearray(good.signature)
    signature[bit // 8] ^= 1 << bit % 8
    assert not replace(good, signature=bytes(signature)).is_signed(CHAIN)


ORDER = 2**252 + 27742317777372353535851937790883648493


def test_signature__edge_cases_that_libraries_differ_in__refused() -> None:
    good = reading()
    s = int.from_bytes(good.signature[32:], "little")
    plus_order = replace(good, signature=good.signature[:32] + (s + ORDER).to_bytes(32, "little"))
    assert not plus_order.is_signed(CHAIN)  # the same signature spelled twice
    small = [bytes(32), b"\x01" + bytes(31), bytes.fromhex("ec" + "ff" * 30 + "7f"), bytes.fromhex("ed" + "ff" * 30 + "7f"),
             bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")]
    for point in small:  # keys of small order sign anything; so does R of small order with S = 0
        assert not replace(good, device=point, signature=point + bytes(32)).is_signed(CHAIN)
        assert not replace(good, signature=point + bytes(32)).is_signed(CHAIN)
    assert not replace(good, device=b"\xff" * 32).is_signed(CHAIN)  # not a point at all


MALFORMED: list[Any] = [
    {TERM: None}, {TERM: {}}, {TERM: []}, {TERM: "x"}, {"sensorMetadata": None}, {"sensorMetadata": {}}, {"sensorMetadata": {"time": 3}},
    {"sensorMetadata": {"time": "yesterday"}}, {"sensorReport": None}, {"sensorReport": []}, {"sensorReport": [1]},
    *({TERM: {**KEY.sign_element(ELEMENT, chain_id=CHAIN, counter=1)[TERM], **change}} for change in (
        {"counter": -1}, {"counter": True}, {"counter": 2**63}, {"counter": Decimal("1")}, {"device": "0x"}, {"device": 3},
        {"device": "0x" + "AB" * 32}, {"signature": "0x" + "00" * 63}, {"place": 3}, {"subject": []}, {"extra": 1})),
    {"sensorReport": [{"type": "Mass", "value": 1.5}]}, {"sensorReport": [{"\ud800": 1}]},
]


@pytest.mark.parametrize("change", MALFORMED, ids=range(len(MALFORMED)))
def test_reading__of_any_wrong_form__is_malformed_and_raises_nothing(change: dict[str, Any]) -> None:
    good = KEY.sign_element(ELEMENT, chain_id=CHAIN, counter=1)
    found = list(readings_of({"sensorElementList": [ELEMENT, {**good, **change}, good]}))
    assert found[0] == 1 and isinstance(found[1], Reading) and found[1].position == 2


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from([TERM, "sensorMetadata", "sensorReport", "sensorElementList", "device", "counter", "signature", "time", "epcList"]), inner)))
def test_reading__any_json__raises_nothing(value: Any) -> None:
    event = value if isinstance(value, dict) else {"sensorElementList": value, "epcList": value, "quantityList": value}
    list(readings_of(event))
    subjects_of(event)


def test_profile__checks_the_form_and_says_where() -> None:
    def faults(element: Any) -> list[str]:
        return [fault.pointer for fault in profile_faults({"readPoint": {"id": "urn:x"}, "sensorElementList": [element]})]

    good = KEY.sign_element(ELEMENT, chain_id=CHAIN, counter=1)
    assert faults(good) == faults(ELEMENT) == []
    assert faults({**good, "sensorMetadata": {}}) == ["/sensorElementList/0/sensorMetadata/time"]
    assert faults({**good, TERM: {**good[TERM], "signature": "0x00"}}) == [f"/sensorElementList/0/{TERM}/signature"]
    assert faults({**good, TERM: {**good[TERM], "extra": 1}}) == [f"/sensorElementList/0/{TERM}/extra"]
    assert faults({**good, TERM: {**good[TERM], "counter": Decimal("1.5")}}) == [f"/sensorElementList/0/{TERM}/counter"]


def test_device_key__file__of_its_own_kind(tmp_path: Path) -> None:
    made = new_device_key(tmp_path / "d.key")
    assert load_device_key("file:d.key", base=tmp_path).public == made.public
    assert (tmp_path / "d.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConflictError):
        new_device_key(tmp_path / "d.key")
    with pytest.raises(InputError):  # a device's key never signs checkpoints
        load_checkpoint_key("file:d.key", base=tmp_path)
    assert (b"\x07" * 32).hex() not in repr(KEY)
    for wrong in ({**ELEMENT, "sensorMetadata": {}}, {**ELEMENT, "sensorReport": []}):
        with pytest.raises(InputError):
            KEY.sign_element(wrong, chain_id=CHAIN, counter=1)
    with pytest.raises(InputError):
        KEY.sign_element(ELEMENT, chain_id=CHAIN, counter=-1)


def test_message__put_together_from_its_description() -> None:
    """As docs/formats/readings.md says it, with the standard library alone."""
    said = {"chainId": "#72024", "counter": "#17", "device": "0x" + KEY.public.hex(), "measuredAt": f"#{T * 1000}",
            "place": "urn:place", "reports": [{"type": "Mass", "uom": "KGM", "value": "#8120.5"}], "subject": "urn:box"}
    expected = b"CargoLedger device reading v1\n" + json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    assert reading().message(CHAIN) == expected
    assert reading().digest(CHAIN) == hashlib.sha256(expected).digest()
    assert parse_json(expected.partition(b"\n")[2])["reports"][0]["value"] == "#8120.5"


def test_document__table_of_verdicts__as_the_code_has_it() -> None:
    text = readings_docs.DOCUMENT.read_text("utf-8")
    assert readings_docs.rendered(text) == text, "run python -m tests.ledger.events.readings_docs"
