"""Proofs of events on both engines: what holds is reported step by step, and every tampering has its named failure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import rlp
from nacl.signing import SigningKey

from ledger.chain.checkpoints import CheckpointLog
from ledger.chain.codec import decode_logs
from ledger.chain.facts import EventOutcome
from ledger.chain.views import View
from ledger.errors import InputError, NotFoundError, TooLargeError, TrustError
from ledger.events.model import Line
from ledger.proofs import commitment
from ledger.proofs.bundle import build_event_bundle, collect_history
from ledger.proofs.bundle_format import EventBundle, FieldsOpening, ProofError, UnitHistory, WholeOpening
from ledger.proofs.checkpoint import CheckpointKey, sign_checkpoint
from ledger.proofs.verify import NOT_SHOWN, VERIFIED, TrustRoot, verify_bundle
from ledger.vocabulary import Kind, LineRole, Outcome
from tests.chain_fixtures import ENGINES, Clock, open_engine
from tests.ledger.chain.ledger_fixtures import CARRIER_KEY, CUSTOMS_KEY, Network, network

KEY = SigningKey(b"\x05" * 32)
ORIGIN = "ledger.example/test"
SECRET = b"\x06" * 32
UNIT, OTHER_UNIT = b"\x0a" * 32, b"\x0b" * 32
CONTENT: dict[str, Any] = {
    "type": "ObjectEvent", "eventTime": "2026-01-01T00:00:00Z", "epcList": ["urn:epc:id:bic:CSQU3054383"],
    "cl:weight": Decimal("1234.500"), "cl:kind": "ARRIVE"}


@dataclass
class Story:
    """One unit arrives, is held, leaves in vain, is observed; beside it another unit arrives."""

    made: Network
    log: CheckpointLog
    trust: TrustRoot
    ids: dict[str, bytes]
    blocks: dict[str, int]

    def build(self, name: str, **options: Any) -> EventBundle:
        number = self.blocks[name]
        note = self.log.note_for(number)
        assert note is not None
        return build_event_bundle(
            self.made.chain, self.made.deployment, self.ids[name], number, note=note, key=self.log.public, **options)


@pytest.fixture(scope="module", params=ENGINES)
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    directory: Path = tmp_path_factory.mktemp("story")
    with open_engine(request.param, directory, Clock()) as chain:
        made = network(chain)
        log = CheckpointLog(directory / "checkpoints.sqlite", ORIGIN, KEY)
        root = commitment.commit(CONTENT, SECRET, submitter="carrier").root
        arrive = made.stamp(CARRIER_KEY, kind=Kind.ARRIVE, facility=1, commitment=root, lines=(
            Line(UNIT, role=LineRole.CONTAINER),))
        beside = made.stamp(CARRIER_KEY, kind=Kind.ARRIVE, facility=1, lines=(
            Line(OTHER_UNIT, role=LineRole.CONTAINER),))
        hold = made.stamp(CUSTOMS_KEY, kind=Kind.HOLD, lines=(Line(UNIT),))
        leave = made.stamp(CARRIER_KEY, kind=Kind.GATE_OUT, lines=(Line(UNIT),))
        observe = made.stamp(CUSTOMS_KEY, kind=Kind.OBSERVE, lines=(Line(UNIT), Line(OTHER_UNIT)))
        events = {"arrive": arrive, "beside": beside, "hold": hold, "leave": leave, "observe": observe}
        signers = {"arrive": CARRIER_KEY, "beside": CARRIER_KEY, "hold": CUSTOMS_KEY, "leave": CARRIER_KEY,
                   "observe": CUSTOMS_KEY}
        blocks: dict[str, int] = {}
        for batch in (("beside", "arrive"), ("hold",), ("leave", "observe")):
            receipt = made.record(*(made.sign(signers[name], events[name]) for name in batch))
            blocks |= dict.fromkeys(batch, receipt.block_number)
            if batch != ("hold",):
                log.sign_head(chain)
        trust = TrustRoot(made.deployment.chain_id, made.deployment.ledger, log.public)
        yield Story(made, log, trust, {name: made.id_of(event) for name, event in events.items()}, blocks)
        log.close()


def whole() -> WholeOpening:
    return WholeOpening(CONTENT, SECRET, "carrier")


def fields(*pointers: str) -> FieldsOpening:
    made = commitment.commit(CONTENT, SECRET, submitter="carrier")
    return FieldsOpening(tuple(commitment.open_field(made, pointer) for pointer in pointers))


def test_proof__with_everything__verifies_in_ten_steps(story: Story) -> None:
    report = verify_bundle(story.build("arrive", opening=whole(), unit=UNIT), story.trust)
    assert [(s.number, s.name, s.verdict) for s in report.steps] == [
        (0, "trust", VERIFIED), (1, "checkpoint", VERIFIED), (2, "headers", VERIFIED), (3, "receipt", VERIFIED),
        (4, "outcome", VERIFIED), (5, "event", VERIFIED), (6, "signature", VERIFIED), (7, "witness", NOT_SHOWN),
        (8, "content", VERIFIED), (9, "unit", VERIFIED)]
    assert report.outcome.outcome is Outcome.RECORDED
    assert report.outcome.signer == CARRIER_KEY.address
    assert report.outcome.participant == 1
    assert report.block.number == story.blocks["arrive"]
    assert json.loads(json.dumps(report.to_json()))["steps"][9]["verdict"] == VERIFIED


def test_proof__without_content_and_unit__says_not_shown(story: Story) -> None:
    report = verify_bundle(story.build("arrive"), story.trust)
    assert [s.verdict for s in report.steps[7:]] == [NOT_SHOWN] * 3


def test_proof__some_fields__shows_only_those(story: Story) -> None:
    bundle = story.build("arrive", opening=fields("/cl:weight", "/epcList/0"))
    assert b"eventTime" not in bundle.to_bytes()
    report = verify_bundle(bundle, story.trust)
    assert report.steps[8].detail == "fields /cl:weight, /epcList/0"


def test_proof__of_a_refused_act__proves_the_refusal(story: Story) -> None:
    report = verify_bundle(story.build("leave", unit=UNIT), story.trust)
    assert report.outcome.outcome is Outcome.NOT_ELIGIBLE or report.outcome.outcome.refused
    assert report.steps[9].verdict == VERIFIED


def test_proof__checkpoint_of_a_later_block__is_led_to_by_headers(story: Story) -> None:
    bundle = story.build("hold", unit=UNIT)
    assert len(bundle.headers) == 2
    verify_bundle(bundle, story.trust)


def test_proof__written_and_read__is_the_same(story: Story) -> None:
    for opening in (whole(), fields("/cl:weight"), None):
        bundle = story.build("arrive", opening=opening, unit=UNIT)
        again = EventBundle.from_bytes(bundle.to_bytes())
        assert again == bundle
        verify_bundle(again, story.trust)
    trust = TrustRoot.from_json(json.loads(json.dumps(story.trust.to_json())))
    assert trust == story.trust


def test_history__of_each_unit__folds_to_the_head_that_the_contract_shows(story: Story) -> None:
    from ledger.events.model import fold_head

    view = View(story.made.chain, story.made.deployment)
    for unit, names in ((UNIT, ["arrive", "hold", "leave", "observe"]), (OTHER_UNIT, ["beside", "observe"])):
        entries = collect_history(story.made.chain, story.made.deployment, unit, story.made.chain.head_number())
        assert [identifier for identifier, _ in entries] == [story.ids[name] for name in names]
        head = bytes(32)
        for identifier, outcome in entries:
            head = fold_head(head, identifier, outcome)
        assert view.head(unit) == head


def test_history__given_by_an_index__is_used_and_checked(story: Story) -> None:
    entries = collect_history(story.made.chain, story.made.deployment, UNIT, story.blocks["observe"])
    verify_bundle(story.build("observe", unit=UNIT, history=entries), story.trust)
    with pytest.raises(ProofError, match="unit"):
        verify_bundle(story.build("observe", unit=UNIT, history=entries[1:]), story.trust)


def test_build__event_not_in_that_block__is_not_found(story: Story) -> None:
    note = story.log.note_for(0)
    assert note is not None
    with pytest.raises(NotFoundError):
        build_event_bundle(story.made.chain, story.made.deployment, bytes(32), 1, note=note, key=story.log.public)


def test_build__checkpoint_before_the_event__is_refused(story: Story) -> None:
    note = story.log.note_for(story.blocks["arrive"])
    assert note is not None
    with pytest.raises(InputError, match="checkpoint"):
        build_event_bundle(
            story.made.chain, story.made.deployment, story.ids["observe"], story.blocks["observe"], note=note,
            key=story.log.public)


# tampering

Tamper = Callable[[EventBundle, Story], EventBundle]


def flip(raw: bytes, place: int = -1) -> bytes:
    changed = bytearray(raw)
    changed[place] ^= 1
    return bytes(changed)


def with_entry(bundle: EventBundle, change: Callable[[tuple[tuple[bytes, int], ...]], tuple[tuple[bytes, int], ...]]) -> EventBundle:
    assert bundle.unit is not None
    return replace(bundle, unit=replace(bundle.unit, entries=change(bundle.unit.entries)))


def with_unit(bundle: EventBundle, **changes: Any) -> EventBundle:
    assert isinstance(bundle.unit, UnitHistory)
    return replace(bundle, unit=replace(bundle.unit, **changes))


def with_header_field(bundle: EventBundle, place: int) -> EventBundle:
    values = rlp.decode(bundle.headers[0])
    values[place] = flip(values[place])
    return replace(bundle, headers=(rlp.encode(values), *bundle.headers[1:]))


def from_other(name: str) -> Callable[[EventBundle, Story], EventBundle]:
    def change(bundle: EventBundle, story: Story) -> EventBundle:
        return replace(bundle, **{name: getattr(story.build("observe", unit=UNIT), name)})
    return change


def other_log(bundle: EventBundle, story: Story) -> int:
    """Place of the outcome of `beside`, which stands in the same transaction."""
    receipts = story.made.chain.receipts(story.blocks["arrive"])
    found = [f for f in decode_logs(receipts[0], story.made.deployment) if isinstance(f, EventOutcome)]
    return next(f.log_index for f in found if f.event_id == story.ids["beside"])


TAMPERED: list[tuple[str, str, Tamper]] = [
    ("other chain", "trust", lambda b, _: replace(b, chain_id=b.chain_id + 1)),
    ("other ledger", "trust", lambda b, _: replace(b, ledger=flip(b.ledger))),
    ("checkpoint of another key", "checkpoint", lambda b, s: replace(b, checkpoint=sign_checkpoint(
        s.log.latest(), SigningKey(b"\x07" * 32)))),  # type: ignore[arg-type]
    ("checkpoint changed", "checkpoint", lambda b, _: replace(b, checkpoint=b.checkpoint.replace("=", "A", 1))),
    ("checkpoint of another block", "headers", from_other("checkpoint")),
    ("no header", "headers", lambda b, _: replace(b, headers=())),
    ("header changed", "headers", lambda b, _: with_header_field(b, 5)),
    ("header's time changed", "headers", lambda b, _: with_header_field(b, 11)),
    ("header doubled", "headers", lambda b, _: replace(b, headers=(b.headers[0], *b.headers))),
    ("header no RLP", "headers", lambda b, _: replace(b, headers=(b"\x00",))),
    ("headers of another event", "headers", from_other("headers")),
    ("receipt node changed", "receipt", lambda b, _: replace(b, receipt_nodes=tuple(map(flip, b.receipt_nodes)))),
    ("receipt node missing", "receipt", lambda b, _: replace(b, receipt_nodes=())),
    ("receipt node doubled", "receipt", lambda b, _: replace(b, receipt_nodes=b.receipt_nodes * 2)),
    ("receipt of another block", "receipt", from_other("receipt_nodes")),
    ("other transaction", "receipt", lambda b, _: replace(b, transaction_index=1)),
    ("log beyond the last", "outcome", lambda b, _: replace(b, log_index=10_000)),
    ("log of another event", "outcome", lambda b, s: replace(b, log_index=other_log(b, s))),
    ("log of a state change", "outcome", lambda b, _: replace(b, log_index=b.log_index + 1)),
    ("other event id", "outcome", lambda b, _: replace(b, event_id=flip(b.event_id))),
    ("content changed", "outcome", lambda b, _: replace(b, custody_event={**b.custody_event, "facility": 2})),
    ("content of more fields", "outcome", lambda b, _: replace(b, custody_event={**b.custody_event, "x": 2})),
    ("signature changed", "signature", lambda b, _: replace(b, signature=flip(b.signature, 5))),
    ("signature of another event", "signature", from_other("signature")),
    ("signature with high s", "signature", lambda b, _: replace(b, signature=high_s(b.signature))),
    ("signature too long", "signature", lambda b, _: replace(b, signature=b.signature + b"\x00")),
    ("signature empty", "signature", lambda b, _: replace(b, signature=b"")),
    ("payload changed", "content", lambda b, _: replace(b, opening=WholeOpening(
        {**CONTENT, "cl:weight": Decimal("1234.501")}, SECRET, "carrier"))),
    ("payload with a field less", "content", lambda b, _: replace(b, opening=WholeOpening(
        {k: v for k, v in CONTENT.items() if k != "cl:kind"}, SECRET, "carrier"))),
    ("other secret", "content", lambda b, _: replace(b, opening=WholeOpening(CONTENT, flip(SECRET), "carrier"))),
    ("other submitter", "content", lambda b, _: replace(b, opening=WholeOpening(CONTENT, SECRET, "customs"))),
    ("shown field changed", "content", lambda b, _: replace(b, opening=FieldsOpening(tuple(
        replace(f, value=Decimal(1)) for f in fields("/cl:weight").fields)))),
    ("shown field under another name", "content", lambda b, _: replace(b, opening=FieldsOpening(tuple(
        replace(f, pointer="/cl:gross") for f in fields("/cl:weight").fields)))),
    ("shown field with a cut path", "content", lambda b, _: replace(b, opening=FieldsOpening(tuple(
        replace(f, path=f.path[:-1]) for f in fields("/cl:weight").fields)))),
    ("history without its last entry", "unit", lambda b, _: with_entry(b, lambda e: e[:-1])),
    ("history without this event", "unit", lambda b, _: with_entry(b, lambda e: e[1:])),
    ("history doubled", "unit", lambda b, _: with_entry(b, lambda e: e * 2)),
    ("history with another outcome", "unit", lambda b, _: with_entry(b, lambda e: (*e[:-1], (e[-1][0], 1)))),
    ("history empty", "unit", lambda b, _: with_entry(b, lambda e: ())),
    ("history of another unit", "unit", lambda b, _: with_unit(b, unit=OTHER_UNIT)),
    ("state proof without account", "unit", lambda b, _: with_unit(b, account_nodes=())),
    ("state proof changed", "unit", lambda b, _: with_unit(b, storage_nodes=tuple(map(flip, b.unit.storage_nodes)))),  # type: ignore[union-attr]
    ("state proof empty", "unit", lambda b, _: with_unit(b, storage_nodes=())),
]


def high_s(signature: bytes) -> bytes:
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    s = order - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


@pytest.mark.parametrize(("step", "tamper"), [case[1:] for case in TAMPERED], ids=[case[0] for case in TAMPERED])
def test_proof__tampered_with__fails_at_the_named_step(story: Story, step: str, tamper: Tamper) -> None:
    good = story.build("arrive", opening=whole(), unit=UNIT)
    verify_bundle(good, story.trust)
    with pytest.raises(ProofError) as caught:
        verify_bundle(tamper(good, story), story.trust)
    assert caught.value.step == step


def test_proof__verifier_trusts_another_key_or_name__fails(story: Story) -> None:
    bundle = story.build("arrive")
    for key in (CheckpointKey(ORIGIN, bytes(SigningKey(b"\x08" * 32).verify_key)),
                CheckpointKey("other.example", story.log.public.public_key)):
        with pytest.raises(ProofError) as caught:
            verify_bundle(bundle, replace(story.trust, checkpoint_key=key))
        assert caught.value.step == "checkpoint"


def test_checkpoint_log__without_a_new_block__gives_the_last_note_again(story: Story) -> None:
    note = story.log.sign_head(story.made.chain)
    assert story.log.sign_head(story.made.chain) == note


def test_checkpoint_log__of_a_chain_that_was_rewritten__signs_nothing(story: Story, tmp_path: Path) -> None:
    story.log.sign_head(story.made.chain)
    with open_engine("embedded", tmp_path, Clock()) as other:
        for _ in range(2):
            network(other)
            with pytest.raises(TrustError):
                story.log.sign_head(other)


def test_checkpoint_log__opened_with_another_key__is_distrusted(tmp_path: Path) -> None:
    with open_engine("embedded", tmp_path, Clock()) as chain:
        log = CheckpointLog(tmp_path / "log.sqlite", ORIGIN, KEY)
        log.sign_head(chain)
        log.close()
        other = CheckpointLog(tmp_path / "log.sqlite", ORIGIN, SigningKey(b"\x09" * 32))
        with pytest.raises(TrustError):
            other.latest()
        other.close()


# the file

@pytest.mark.parametrize(("change", "error"), [
    ({"format": "cargoledger-event-proof-2"}, InputError), ({"more": 1}, InputError), ({"chainId": "1"}, InputError),
    ({"chainId": True}, InputError), ({"chainId": -1}, InputError), ({"ledger": "0x12"}, InputError),
    ({"eventId": "0x" + "AB" * 32}, InputError), ({"eventId": "ab" * 32}, InputError), ({"witness": None}, InputError),
    ({"headers": "0x"}, InputError), ({"headers": ["0x"] * 1_025}, TooLargeError), ({"checkpoint": 5}, InputError),
    ({"opening": {}}, InputError), ({"opening": {"fields": [{}]}}, InputError), ({"unit": []}, InputError),
    ({"unit": {"unit": "0x", "history": [], "accountNodes": [], "storageNodes": []}}, InputError),
    ({"transactionIndex": 65_536}, InputError), ({"receiptNodes": ["0x00"] * 66}, TooLargeError),
], ids=lambda value: next(iter(value)) if isinstance(value, dict) else None)
def test_file__malformed__is_refused(change: dict[str, Any], error: type[Exception]) -> None:
    blank = EventBundle(1, bytes(20), bytes(32), {}, b"", b"", 0, (), 0, (), "")
    assert EventBundle.from_json(blank.to_json()) == blank
    with pytest.raises(error):
        EventBundle.from_json({**blank.to_json(), **change})
    with pytest.raises(InputError):
        EventBundle.from_json({k: v for k, v in blank.to_json().items() if k != "unit"})


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b'{"format": 1, "format": 2}', b"[" * 100_000])
def test_file__no_strict_json__is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        EventBundle.from_bytes(data)


# the published example

VECTORS = Path(__file__).resolve().parents[3] / "docs" / "formats" / "vectors"


def test_vector__published_proof__still_verifies() -> None:
    bundle = EventBundle.from_bytes((VECTORS / "event-proof.json").read_bytes())
    trust = TrustRoot.from_json(json.loads((VECTORS / "trust-root.json").read_text("utf-8")))
    report = verify_bundle(bundle, trust)
    assert [s.verdict for s in report.steps] == [VERIFIED] * 7 + [NOT_SHOWN] + [VERIFIED] * 2
    assert bundle.to_bytes() == (VECTORS / "event-proof.json").read_bytes()


def test_document__trie_example__is_what_the_code_gives() -> None:
    from ledger.proofs.tries import ordered_trie_root, prove_ordered

    text = (VECTORS.parent / "proofs.md").read_text("utf-8")
    items = [b"\xc0", b"one", b"two" * 20]
    for part in (ordered_trie_root(items), *prove_ordered(items, 2)):
        assert part.hex() in text
