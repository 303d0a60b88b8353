"""The commitment: known answers, what changes it, what does not, and one field shown without the others."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InputError, TrustError
from ledger.events.canonical import canonical_json
from ledger.events.strict_json import parse_json
from ledger.proofs.commitment import commit, open_field, salt, verify_event, verify_field
from tests.ledger.proofs import make_vectors
from tests.ledger.proofs.reference_commitment import jcs

VECTORS = parse_json((Path(__file__).resolve().parents[3] / "docs" / "formats" / "vectors" / "commitment.json").read_bytes())
CASES = {case["title"]: case for case in VECTORS["cases"]}
SECRET = bytes.fromhex(VECTORS["secret"])
WHO = VECTORS["submitter"]

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
SCALARS = st.one_of(st.none(), st.booleans(), TEXTS, st.integers(-10**20, 10**20),
                    st.decimals(allow_nan=False, allow_infinity=False, min_value=-10**6, max_value=10**6, places=4))
VALUES = st.recursive(SCALARS, lambda x: st.one_of(st.lists(x, max_size=3), st.dictionaries(TEXTS, x, max_size=3)), max_leaves=8)
EVENTS = st.dictionaries(TEXTS.filter(lambda k: k not in ("recordTime", "cl:submitter")), VALUES, max_size=5)


def event_of(title: str) -> dict[str, Any]:
    event: dict[str, Any] = parse_json(CASES[title]["event"].encode())
    return event


@pytest.mark.parametrize("title", CASES)
def test_commitment__known_answers__every_leaf_and_root(title: str) -> None:
    case = CASES[title]
    made = commit(event_of(title), SECRET, submitter=WHO)
    assert [(x.pointer, x.salt.hex(), x.hash.hex()) for x in made.leaves] == \
        [(x["pointer"], x["salt"], x["hash"]) for x in case["leaves"]]
    assert [canonical_json([x.pointer, x.value]).decode() for x in made.leaves] == [x["text"] for x in case["leaves"]]
    assert made.root.hex() == case["root"]


def test_vectors__written_again_by_the_reference__same_file() -> None:
    assert make_vectors.TARGET.read_text("utf-8") == make_vectors.text()


def root_of(title: str) -> str:
    return str(CASES[title]["root"])


def test_commitment__numbers_equal_as_doubles__different_roots() -> None:
    assert float(9007199254740993) == float(9007199254740992)
    assert root_of("numbers equal as doubles, first") != root_of("numbers equal as doubles, second")


def test_commitment__one_number_written_two_ways__same_root() -> None:
    assert root_of("one number, written one way") == root_of("one number, written another way")


def test_commitment__number_and_text_of_its_digits__different_roots() -> None:
    titles = ["number", "text of the same digits", "text that looks like a committed number"]
    assert len({root_of(t) for t in titles}) == 3


def test_commitment__record_time_added_by_a_server__same_root() -> None:
    assert root_of("recordTime is left out") == root_of("one field")


def test_commitment__empty_list_and_absent_field__different_roots() -> None:
    assert root_of("empty list") != root_of("no field at all")


def test_commitment__object_with_numbered_keys_and_list__different_roots() -> None:
    assert commit({"x": ["a"]}, SECRET, submitter=WHO).root != commit({"x": {"0": "a"}}, SECRET, submitter=WHO).root
    assert commit({"x": ["a"]}, SECRET, submitter=WHO).root != commit({"x": ["a"], "x/0": "a"}, SECRET, submitter=WHO).root


def test_commitment__other_submitter_or_secret__different_roots() -> None:
    event = event_of("an event")
    roots = {commit(event, SECRET, submitter=WHO).root, commit(event, SECRET, submitter="carrier").root,
             commit(event, bytes(32), submitter=WHO).root}
    assert len(roots) == 3


@given(EVENTS)
def test_commitment__keys_in_another_order__same_root(event: dict[str, Any]) -> None:
    turned = dict(reversed(list(event.items())))
    assert commit(event, SECRET, submitter=WHO).root == commit(turned, SECRET, submitter=WHO).root


def parts(value: Any) -> Any:
    """What two values are equal by here: Python holds 1, 1.0 and True for the same."""
    if isinstance(value, dict):
        return {key: parts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [parts(item) for item in value]
    return (isinstance(value, bool), isinstance(value, str), value)


@given(EVENTS, EVENTS)
def test_commitment__two_events__same_root_only_if_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    same = commit(one, SECRET, submitter=WHO).root == commit(other, SECRET, submitter=WHO).root
    assert same == (parts(one) == parts(other))


@given(EVENTS, st.data())
def test_commitment__any_one_value_changed__other_root(event: dict[str, Any], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from([*event, "new"]))
    changed = {**event, key: data.draw(VALUES)}
    same = commit(event, SECRET, submitter=WHO).root == commit(changed, SECRET, submitter=WHO).root
    assert same == (parts(event) == parts(changed))


@given(EVENTS)
def test_open_field__every_leaf__verifies(event: dict[str, Any]) -> None:
    made = commit(event, SECRET, submitter=WHO)
    for leaf in made.leaves:
        verify_field(open_field(made, leaf.pointer), made.root)


def test_open_field__shows_nothing_of_the_others() -> None:
    made = commit(event_of("an event"), SECRET, submitter=WHO)
    proof = open_field(made, "/quantityList/0")
    others = [leaf for leaf in made.leaves if leaf.pointer != "/quantityList/0"]
    assert proof.salt not in [leaf.salt for leaf in others]
    assert all(leaf.salt not in proof.path for leaf in made.leaves)


TAMPERED = {
    "value": {"value": {"epcClass": "urn:cargoledger:lot:song-hong:L1", "quantity": Decimal("7400.251"), "uom": "MTR"}},
    "unit": {"value": {"epcClass": "urn:cargoledger:lot:song-hong:L1", "quantity": Decimal("7400.25"), "uom": "YRD"}},
    "pointer": {"pointer": "/quantityList/1"},
    "salt": {"salt": bytes(32)},
    "short salt": {"salt": b""},
    "index": {"index": 0},
    "size": {"size": 3},
    "path": {"path": ()},
    "float for a decimal": {"value": 7400.25},
    "lone surrogate": {"value": "\ud800"},
}


@pytest.mark.parametrize("change", TAMPERED.values(), ids=TAMPERED.keys())
def test_verify_field__anything_changed__refused(change: dict[str, Any]) -> None:
    made = commit(event_of("an event"), SECRET, submitter=WHO)
    proof = open_field(made, "/quantityList/0")
    verify_field(proof, made.root)
    with pytest.raises(TrustError):
        verify_field(replace(proof, **change), made.root)


def test_verify_field__number_written_another_way__same_field() -> None:
    made = commit(event_of("an event"), SECRET, submitter=WHO)
    proof = open_field(made, "/quantityList/0")
    assert proof.value["quantity"] == Decimal("7400.25")
    verify_field(replace(proof, value={**proof.value, "quantity": Decimal("7400.25000")}), made.root)


def test_verify_field__other_root__refused() -> None:
    made = commit(event_of("an event"), SECRET, submitter=WHO)
    with pytest.raises(TrustError):
        verify_field(open_field(made, "/action"), commit({}, SECRET, submitter=WHO).root)


def test_verify_event__changed_content_secret_or_submitter__refused() -> None:
    event = event_of("an event")
    root = commit(event, SECRET, submitter=WHO).root
    verify_event(event, SECRET, root, submitter=WHO)
    changed = copy.deepcopy(event)
    changed["quantityList"][0]["quantity"] = Decimal("7400.26")
    for arguments in ((changed, SECRET, WHO), (event, bytes(32), WHO), (event, SECRET, "carrier"),
                      ({**event, "cl:submitter": "x"}, SECRET, WHO), ({**event, "q": 1.5}, SECRET, WHO)):
        with pytest.raises(TrustError):
            verify_event(arguments[0], arguments[1], root, submitter=arguments[2])


@pytest.mark.parametrize(("event", "secret"), [
    ({"cl:submitter": "me"}, SECRET), ({"q": 1.5}, SECRET), ({"q": float("nan")}, SECRET), ({"t": "\ud800"}, SECRET),
    ({"\ud800": 1}, SECRET), ({"a": {"\ud800": 1}}, SECRET), ({"b": b"x"}, SECRET), ({"a": 1}, b""), ({"a": 1}, bytes(31)),
])
def test_commitment__what_cannot_be_committed_to__refused(event: dict[str, Any], secret: bytes) -> None:
    with pytest.raises(InputError):
        commit(event, secret, submitter=WHO)


def test_open_field__no_such_field__says_which_there_are() -> None:
    made = commit({"type": "ObjectEvent"}, SECRET, submitter=WHO)
    with pytest.raises(InputError, match="/type"):
        open_field(made, "/typo")


def test_salt__of_each_pointer__its_own() -> None:
    assert len({salt(SECRET, pointer) for pointer in ("/a", "/b", "/a/0", "/cl:submitter")}) == 4


@given(VALUES)
def test_canonical_json__any_value__same_as_the_reference(value: Any) -> None:
    from tests.ledger.proofs.reference_commitment import as_text
    assert canonical_json(value).decode() == jcs(as_text(value))


DOCUMENT = (Path(__file__).resolve().parents[3] / "docs" / "formats" / "commitment.md").read_text("utf-8")


def test_document__table_of_values__as_the_code_writes_them() -> None:
    section = DOCUMENT.split("| value | as written by JCS |")[1].split("## Root")[0]
    rows = re.findall(r"^\| `(.+?)` \| `(.+?)` \|$", section, flags=re.M)
    assert len(rows) == 7
    for value, written in rows:
        assert canonical_json(parse_json(value.encode())).decode() == written


def test_document__smallest_example__as_the_code_computes_it() -> None:
    made = commit({"type": "ObjectEvent"}, SECRET, submitter=WHO)
    assert f"Secret `{SECRET.hex()}`, submitter `{WHO}`" in DOCUMENT
    rows = [f"| `{x.pointer}` | `{canonical_json([x.pointer, x.value]).decode()}` | `{x.salt.hex()}` | `{x.hash.hex()}` |"
            for x in made.leaves]
    assert DOCUMENT.endswith("\n".join(rows) + f"\n\nRoot: `{made.root.hex()}`\n")
