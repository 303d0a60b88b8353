"""The composition root: made once whatever dies in between, and posting that takes all of a document or none."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import time
from pathlib import Path

import pytest
import world

from api.home import Home
from api.keyring import check_id
from indexer.digest import digest
from ledger.errors import ConflictError, InputError, NotFoundError, UnavailableError
from ledger.events.faults import InvalidEventError
from ledger.vocabulary import Role

WAIT_S = 60.0


def killed(folder: Path, marker: str, *, told: bool) -> None:
    """Run the making of a home in a process that is killed as soon as a file appears."""
    child = os.fork()
    if child == 0:  # pragma: no cover - the other process
        try:
            if told:
                world.build(folder)
            else:
                Home.create(folder, name="test", seed=world.SEED, clock=world.Clock())
        finally:
            os._exit(0)
    until = time.monotonic() + WAIT_S
    while not (folder / marker).exists():
        assert time.monotonic() < until, f"{marker} never appeared"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


@pytest.mark.parametrize("marker", [
    "cargoledger.toml", "keys/network.key", "chain.sqlite", "trust.json", "deployment.json", "index.sqlite"])
def test_create__killed_and_run_again__one_ledger_that_works(tmp_path: Path, marker: str) -> None:
    folder = tmp_path / "home"
    killed(folder, marker, told=False)
    with Home.create(folder, name="test", seed=world.SEED, clock=world.Clock()) as home:
        home.deployment.verify(home.chain)
        blocks = home.chain.head_number()
        assert home.admit("customs", name="Customs", roles=Role.CUSTOMS, hold_bit=0).number == 1
    with Home.create(folder, name="test", seed=world.SEED, clock=world.Clock()) as again:
        assert again.chain.head_number() == blocks + 2  # the admission and its signer, and nothing deployed twice


@pytest.mark.parametrize("marker", ["keys/terminal/signer.key", "posters/carrier.sqlite", "posters/rival.sqlite"])
def test_network_and_story__killed_and_run_again__same_index(tmp_path: Path, told: Path, marker: str) -> None:
    folder = tmp_path / "home"
    killed(folder, marker, told=True)
    with world.build(folder) as home, Home.open(told) as undisturbed:
        assert digest(home.engine) == digest(undisturbed.engine)


def test_create__same_folder_other_name__conflict(folder: Path) -> None:
    with pytest.raises(ConflictError):
        Home.create(folder, name="other")


def test_open__no_home_there__says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="cargoledger init"):
        Home.open(tmp_path)


def test_open__while_another_process_has_the_ledger__questions_still_answered(home: Home, folder: Path) -> None:
    assert home.chain.head_number() > 0
    with Home.open(folder) as beside:
        with pytest.raises(UnavailableError):
            beside.chain.head_number()
        with beside.session() as session:
            from indexer.lookups import HOLDER, unit_for

            assert unit_for(session, world.BOX, HOLDER).number == world.BOX
        reading = beside.reading_chain()
        assert reading.head_number() == home.chain.head_number()
        reading.close()


def test_keys__every_file__for_the_owner_alone(folder: Path) -> None:
    files = list((folder / "keys").rglob("*.key"))
    assert len(files) >= 4 + 2 * 6
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_keys__made_without_seed__never_the_same(tmp_path: Path) -> None:
    keys = set()
    for name in ("a", "b"):
        with Home.create(tmp_path / name, name="test") as home:
            keys.add(home.keyring.network_secret())
            keys.add(home.keyring.authority().address)
    assert len(keys) == 4


@pytest.mark.parametrize("name", ["", "../x", "a/b", "A", "-a", "authority", "gateway", "operator", "network", "a" * 64, "é"])
def test_admit__id_that_could_be_a_path_or_is_reserved__refused(name: str) -> None:
    with pytest.raises(InputError):
        check_id(name)


def test_admit__again_with_other_details__conflict_and_nothing_changed(home: Home) -> None:
    blocks = home.chain.head_number()
    with pytest.raises(ConflictError):
        home.admit("carrier", name="Somebody else", uri=world.uri("carrier"), roles=Role.CARRIER)
    assert home.admit("carrier", name="Carrier Ltd", uri=world.uri("carrier"), roles=Role.CARRIER).number == 2
    assert home.chain.head_number() == blocks


def test_admit__with_keys_of_its_own__home_cannot_sign_for_it(home: Home) -> None:
    home.admit("sovereign", name="Sovereign", roles=Role.YARD, reading_key=b"\x07" * 32, signer=b"\x08" * 20)
    assert not home.keyring.holds("sovereign")
    with pytest.raises(NotFoundError):
        home.post_document(world.document(world.event("sovereign", "x", "OBSERVE")), "sovereign")


def test_book__unknown_regime__refused(home: Home) -> None:
    with pytest.raises(InputError, match="SXXK"):
        home.add_book("x", name="x", owner="garment", regime="NONE")


def test_post__document_with_one_fault__nothing_signed_or_queued(home: Home) -> None:
    before = home.gateway.counts()
    good = world.event("carrier", "good-one", "OBSERVE")
    bad = world.box("carrier", "bad-one", "ACCEPT", **{"cl:reference": "urn:nobody:knows"})
    with pytest.raises(InvalidEventError) as caught:
        home.post_document(world.document(good, bad), "carrier")
    assert all(fault.pointer.startswith("/epcisBody/eventList/1") for fault in caught.value.faults)
    assert home.gateway.counts() == before
    assert home.poster("carrier").resolve_event(good["eventID"]) is None


def test_post__same_event_again__first_result(home: Home) -> None:
    poster, content = world.STORY[0]
    [result] = home.post_document(world.document(content), poster)
    assert result.repeated and result.status == "recorded"


def test_post__event_signed_too_late__signed_again_and_recorded(home: Home) -> None:
    content = world.event("carrier", "late", "OBSERVE", **{"cl:deadline": "2026-03-03T00:00:01Z"})
    body = world.document(content)
    [first] = home.post_document(body, "carrier")
    home.clock.now_s += 10_000  # type: ignore[attr-defined]
    home.settle_outbox()
    assert home.gateway.status(first.event_id).outcome == "DEADLINE_PASSED"
    [again] = home.post_document(body, "carrier")
    assert again.event_id != first.event_id
    home.settle_outbox()
    assert home.gateway.status(again.event_id).status == "recorded"


def test_handover__accepted__receiver_reads_what_happened_before(home: Home) -> None:
    from indexer.lookups import event_for, reader_for

    with home.session() as session:
        reader = reader_for(session, home.directory.participant("terminal").number, home.clock())
        assert event_for(session, world.uri("carrier") + "events/arrive", reader).kind == "ARRIVE"


def test_grant__book_to_the_auditor__opens_it_until_its_end(told: Path, tmp_path: Path) -> None:
    from api.granting import grant_to
    from api.views.books import Ask, settlement_view
    from indexer.lookups import event_for, reader_for

    folder = Path(shutil.copytree(told, tmp_path / "home"))
    with Home.open(folder, seed=world.SEED, clock=world.Clock(world.START_S + 86_400)) as home:
        label, number = world.uri("garment") + "events/buy", home.directory.participant("auditor").number
        with home.session() as session, pytest.raises(NotFoundError):
            event_for(session, label, reader_for(session, number, home.clock()))
        done = grant_to(home, grantor="garment", grantee="auditor", reason="audit 1", units=[], book="garment-book",
                        until="2026-04-30")
        assert done["opened"] == 3 and done["closed"] == 0
        with home.session() as session:
            reader = reader_for(session, number, home.clock())
            assert event_for(session, label, reader).kind == "RECEIVE_DOMESTIC"
            assert settlement_view(Ask(home, session, "garment-book", "2026-01-01", "2026-12-31", reader))["form15"]
            with pytest.raises(NotFoundError):
                settlement_view(Ask(home, session, "rival-book", "2026-01-01", "2026-12-31", reader))
            later = reader_for(session, number, home.clock() + 90 * 86_400)
            with pytest.raises(NotFoundError):
                event_for(session, label, later)
            with pytest.raises(NotFoundError):
                settlement_view(Ask(home, session, "garment-book", "2026-01-01", "2026-12-31", later))
