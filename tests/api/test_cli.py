"""The command: one JSON document and the right exit code whatever happens, and a quick start."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import reference
import world

from api.cli.main import app
from api.cli.shell import run
from tracer.quantity import grouped

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(told: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(told, tmp_path_factory.mktemp("cli") / "home"))


def command(*arguments: str, home: Path | None = None, stdin: bytes = b"") -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command, run in this process."""
    out, err = io.StringIO(), io.StringIO()
    whole = [*arguments, *(["--home", str(home)] if home else [])]
    code: Any = None
    before = sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin))
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                run(app, whole)
            except SystemExit as stop:
                code = stop.code
    finally:
        sys.stdin = before
    return code, out.getvalue(), err.getvalue()


def as_json(*arguments: str, home: Path | None = None, code: int = 0, stdin: bytes = b"") -> dict[str, Any]:
    found, out, err = command(*arguments, "--json", home=home, stdin=stdin)
    assert found == code, (found, out, err)
    assert err == ""
    value: dict[str, Any] = json.loads(out)  # exactly one document, or this fails
    return value


def write(path: Path, *events: dict[str, Any]) -> str:
    path.write_bytes(world.document(*events))
    return str(path)


# from nothing


def test_init_to_post__fresh_folder__recorded_and_shown(tmp_path: Path) -> None:
    home = tmp_path / "home"
    made = as_json("init", "--name", "fresh", home=home)
    assert as_json("init", "--name", "fresh", home=home) == made
    as_json("participant", "add", "customs", "--name", "Customs", "--role", "customs", "--hold-bit", "0", home=home)
    added = as_json("participant", "add", "carrier", "--name", "Carrier", "--role", "carrier", "--uri", world.uri("carrier"), home=home)
    assert added == {"number": 2, "id": "carrier", "name": "Carrier", "uri": world.uri("carrier"), "roles": ["CARRIER"],
                     "holdBit": 255, "keysHere": True}
    as_json("participant", "add", "terminal", "--name", "Terminal", "--role", "terminal", home=home)
    as_json("facility", "add", "quay", "--name", "Quay", "--uri", world.PLACE, "--operator", "terminal", "--supervised", home=home)
    as_json("participant", "add", "maker", "--name", "Maker", "--role", "processor", home=home)
    assert as_json("book", "add", "b", "--name", "B", "--owner", "maker", "--regime", "GC", "--option", "strict-norms",
                   home=home)["options"] == ["STRICT_NORMS"]
    arrive = {**world.STORY[0][1], "eventTime": "2026-03-02T07:00:00+07:00"}
    file = write(tmp_path / "a.json", arrive)
    posted = as_json("post", file, "--as", "carrier", home=home)
    assert posted["counts"] == {"recorded": 1} and posted["documents"][0]["events"][0]["kind"] == "ARRIVE"
    assert as_json("post", "-", "--as", "carrier", home=home, stdin=Path(file).read_bytes())["documents"][0]["events"][0]["repeated"]
    assert as_json("show", world.BOX, home=home)["state"]["custodian"]["id"] == "carrier"
    signer = as_json("key", "new", "--as", "carrier", "--days", "5", home=home)
    assert signer["validUntil"] - signer["validFrom"] == 5 * 86_400
    assert {key["owner"] for key in as_json("key", "list", home=home)["keys"]} >= {"authority", "gateway", "operator", "carrier"}
    refused = world.box("terminal", "out", "GATE_OUT")
    bad = as_json("post", write(tmp_path / "b.json", refused), "--as", "terminal", home=home, code=1)
    assert bad["refused"] == {"NOT_ELIGIBLE": 1}


# asking


def test_show__unit_event_and_lot__timeline_with_the_refusal(folder: Path) -> None:
    unit = as_json("show", world.BOX, home=folder)
    assert [row["kind"] for row in unit["timeline"]] == ["ARRIVE", "OFFER", "ACCEPT", "HOLD", "GATE_OUT"]
    event = as_json("show", unit["timeline"][4]["eventId"], home=folder)
    assert event["outcome"]["name"] == "HELD" and event["epcis"]["cl:kind"] == "GATE_OUT"
    lot = as_json("show", "garment/COT-1", home=folder)
    assert lot["lot"]["balances"]["raw"] == str(Decimal(world.EXACT) - 60)
    code, out, _ = command("show", world.BOX, home=folder)
    assert code == 0 and "HELD by Customs Ltd" in out and "is under hold by an authority" in " ".join(out.split())
    code, out, _ = command("show", unit["timeline"][4]["eventId"], home=folder)
    assert code == 0 and "refused: HELD" in out


def test_trace__both_ways_and_one__tree_and_numbers(folder: Path) -> None:
    whole = as_json("trace", "SHIRT-1", home=folder)
    assert {"backward", "forward"} <= set(whole)
    assert set(as_json("trace", "SHIRT-1", "--backward", home=folder)) == {"subject", "direction", "backward"}
    code, out, _ = command("trace", "SHIRT-1", "--backward", home=folder)
    assert code == 0 and "garment/COT-1" in out and "50 MTR" in out
    assert as_json("trace", "SHIRT-1", "--backward", "--forward", home=folder, code=2)["error"]["code"] == "CL-INPUT-001"


def test_trace__from_one_thing__only_the_ways_between(folder: Path) -> None:
    answer = as_json("trace", "SHIRT-1", "--from", "COT-1", home=folder)
    assert answer["from"]["label"] == "garment/COT-1"
    nodes = [node["label"] for node in answer["backward"][0]["graph"]["nodes"]]
    assert sorted(nodes) == ["TRANSFORM", "garment/COT-1", "garment/SHIRT-1"]
    code, out, _ = command("trace", "COT-1", "--from", "SHIRT-1", home=folder)
    assert code == 0 and "No way leads from garment/SHIRT-1 to garment/COT-1." in out
    assert as_json("trace", "SHIRT-1", "--from", "NO-SUCH", home=folder, code=2)["error"]["code"] == "CL-INPUT-002"
    assert as_json("trace", "SHIRT-1", "--from", "COT-1", "--forward", home=folder, code=2)["error"]["code"] == "CL-INPUT-001"


def test_settle__book__forms_as_tables(folder: Path) -> None:
    days = ("--from", "2026-01-01", "--to", "2026-12-31")
    value = as_json("settle", "garment-book", *days, home=folder)
    assert value["form15"][0]["received"] == world.EXACT
    code, out, _ = command("settle", "garment-book", *days, home=folder)
    assert code == 0 and "Form 15" in out and grouped(world.EXACT) in out and "(11)" in out


def test_release_study__of_the_story__as_json_and_drawn(folder: Path, tmp_path: Path) -> None:
    days = ("--from", "2026-01-01", "--to", "2026-12-31")
    (tmp_path / "site.toml").write_text('monday = ["08:00-17:00"]\n')
    value = as_json("release-study", *days, "--by", "port", "--calendar", str(tmp_path / "site.toml"), home=folder)
    assert value["cases"] >= 1 and set(value["clocks"]) == {"calendar", "working"} and value["open"]
    code, out, _ = command("release-study", *days, home=folder)
    assert code == 0 and "Arrival to gate, calendar hours" in out and "Still there" in out and world.BOX in out
    assert value["traffic"]["backlog"]["now"] >= 1 and "Backlog: " in out and "Congestion: " in out and "Peak, arrive: " in out
    code, _, err = command("release-study", *days, "--by", "colour", home=folder)
    assert code == 2 and "port, channel" in err
    told = as_json("release-study", *days, "--against", "2025-01-01..2025-12-31", home=folder)["against"]
    assert (told["difference"], told["from"]) == (None, "2025-01-01")
    assert "cannot be told" in command("release-study", *days, "--against", "2025-01-01..2025-12-31", home=folder)[1]
    for wrong in ("2025", "2025-01-01..x", "2025-12-31..2025-01-01"):
        assert as_json("release-study", *days, "--against", wrong, home=folder, code=2)["error"]["remedy"]
    code, _, err = command("release-study", "--from", "2026-02-01", "--to", "2026-01-01", home=folder)
    assert code == 2 and "before the first" in err


def test_check__findings_or_none_or_no_book__exit_code_says_which(folder: Path, tmp_path: Path) -> None:
    assert as_json("check", "garment-book", home=folder)["findings"] == []
    again = {**world.STORY[6][1], "eventID": world.uri("garment") + "events/issue-again"}
    again["quantityList"] = [{**again["quantityList"][0], "quantity": 9100000000000}]  # more than was ever received
    refused = as_json("post", write(tmp_path / "again.json", again), "--as", "garment", home=folder, code=1)
    assert refused["refused"] == {"NOT_ENOUGH": 1}
    found = as_json("check", "garment-book", home=folder, code=1)
    assert "L1" in {f["rule"] for f in found["findings"]}
    code, out, _ = command("check", "garment-book", home=folder)
    assert code == 1 and found["findings"][0]["rule"] in out
    clean = as_json("check", "rival-book", "--from", "2026-03-02", "--to", "2026-03-02", home=folder)
    assert clean["findings"] == []
    for first, last in (("2030-01-01", "2030-12-31"), ("2024-01-01", "2026-03-01")):
        outside = as_json("check", "rival-book", "--from", first, "--to", last, home=folder, code=2)["error"]
        assert "lies outside book rival-book: it begins on 2026-03-02" in outside["message"] and outside["remedy"]
    assert as_json("check", "no-book", home=folder, code=2)["error"]["code"] == "CL-INPUT-002"
    as_json("check", "garment-book", "--from", "2026-02-30", "--to", "2026-12-31", home=folder, code=2)


def test_verify__event_unit_and_file__verified_and_a_changed_file_not(folder: Path, tmp_path: Path) -> None:
    proof = tmp_path / "proof.json"
    made = as_json("verify", world.BOX, "--export", str(proof), home=folder)
    assert made["verified"] and [s["number"] for s in made["steps"]] == list(range(10))
    assert {s["name"] for s in made["steps"] if s["verdict"] == "verified"} >= {
        "checkpoint", "receipt", "signature", "content", "unit"}
    trust = str(folder / "trust.json")
    alone = as_json("verify", str(proof), "--trust", trust, home=tmp_path / "no-home")
    assert alone["verified"] and alone["steps"] == made["steps"]
    value = json.loads(proof.read_text("utf-8"), parse_float=Decimal)
    value["signature"] = "0x" + "11" * 64 + "1b"
    proof.write_text(json.dumps(value), "utf-8")
    forged = as_json("verify", str(proof), "--trust", trust, code=1)
    assert not forged["verified"] and forged["fault"]["step"] and forged["fault"]["code"].startswith("CL-TRUST-")
    code, out, _ = command("verify", str(proof), "--trust", trust)
    assert code == 1 and "Does not verify" in out
    proof.write_text("{}", "utf-8")
    as_json("verify", str(proof), "--trust", trust, code=2)


def test_grant__unit_to_the_auditor__opened_events_counted(folder: Path) -> None:
    done = as_json("grant", "--to", "auditor", "--as", "customs", "--units", world.BOX, "--reason", "audit 2", home=folder)
    assert done["opened"] == 5 and done["closed"] == 0 and len(done["grants"]) == 1
    again = as_json("grant", "--to", "auditor", "--as", "customs", "--units", world.BOX, "--reason", "audit 2", home=folder)
    assert again["opened"] == 0
    as_json("grant", "--to", "auditor", "--as", "customs", "--reason", "nothing named", home=folder, code=2)


# faults

FAULTS = [
    ((), "home"), (("show", "x"), "cargoledger init"), (("frobnicate",), "No such command"), (("show",), "Missing argument"),
    (("show", "x", "--nope"), "No such option"), (("token", "new", "--as", "x", "--days", "x"), "--days"),
    (("participant", "add", "x", "--name", "X", "--role", "pirate"), "pirate"),
]


@pytest.mark.parametrize(("arguments", "says"), FAULTS[1:], ids=[" ".join(a) for a, _ in FAULTS[1:]])
def test_fault__any__one_readable_block_or_one_json_object_and_code_2(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    home = None if "No such" in says or "Missing" in says or "--days" in says else tmp_path / "nothing"
    if "pirate" in says:
        home = tmp_path / "nothing"
    code, out, err = command(*arguments, home=home)
    assert code == 2 and out == "" and err.startswith("error: ") and len(err.splitlines()) <= 3
    assert "Traceback" not in err
    value = as_json(*arguments, home=home, code=2)
    assert set(value) == {"error"} and value["error"]["code"].startswith("CL-")
    if "pirate" not in says:
        assert says in err + json.dumps(value)


def test_post__document_with_faults__each_with_its_place(folder: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "bad.json", world.box("carrier", "bad", "OFFER"), world.event("carrier", "x", "OBSERVE"))
    value = as_json("post", file, "--as", "carrier", home=folder, code=2)["error"]
    assert value["code"] == "CL-INPUT-020" and value["faults"][0]["pointer"].startswith("/epcisBody/eventList/0")
    code, _, err = command("post", file, "--as", "carrier", home=folder)
    assert code == 2 and "bad.json" in err and "/epcisBody/eventList/0" in err and "what to do:" in err


def test_post__file_missing_or_nobody_named__code_2(folder: Path, tmp_path: Path) -> None:
    assert as_json("post", str(tmp_path / "none.json"), "--as", "carrier", home=folder, code=2)["error"]["code"] == "CL-INPUT-002"
    file = write(tmp_path / "a.json", world.event("carrier", "x", "OBSERVE"))
    assert "--as" in as_json("post", file, home=folder, code=2)["error"]["remedy"]


def test_settings__unknown_variable__refused_by_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARGOLEDGER_HTTP_PROT", "1")
    assert "CARGOLEDGER_HTTP_PROT" in as_json("show", world.BOX, home=folder, code=2)["error"]["message"]


def test_seed__as_an_option_of_any_command__there_is_none() -> None:
    for path in reference.commands():
        assert "seed" not in reference.help_of(path).lower()


# processes


def test_help__start_up__loads_none_of_the_heavy_parts() -> None:
    script = ("import sys; from api.cli.main import app; from api.cli.shell import run\n"
              "try: run(app, ['--help'])\nexcept SystemExit: pass\n"
              "print(sorted({m.partition('.')[0] for m in sys.modules} & {'eth','fastapi','sqlalchemy','web3','networkx',"
              "'jsonschema','nacl','eth_account','rich','uvicorn'}), file=sys.stderr)")
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip().splitlines()[-1] == "[]"


def test_up__serves_posts_over_http_and_stops_when_told(told: Path, tmp_path: Path) -> None:
    home = Path(shutil.copytree(told, tmp_path / "home"))
    secret = as_json("token", "new", "--as", "carrier", home=home)["token"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    server = subprocess.Popen([sys.executable, "-m", "api.cli.main", "up", "--port", "0", "--home", str(home), "--json"],
                              cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        text = ""
        while not text.rstrip().endswith("}"):
            line = server.stdout.readline()
            assert line, server.stderr.read() if server.stderr else ""
            text += line
        url = json.loads(text)["url"]
        until = time.monotonic() + 60
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(url + "/healthz", timeout=5).status_code == 200:
                    break
            assert time.monotonic() < until
        file = write(tmp_path / "a.json", world.event("carrier", "over-http", "OBSERVE"))
        used = as_json("post", file, "--as", "carrier", home=home, code=2)["error"]
        assert used["code"] == "CL-UNAVAILABLE-001" and url in used["message"] and "--url" in used["remedy"]
        posted = as_json("post", file, "--url", url, "--token", secret, home=home)
        assert posted["counts"] == {"recorded": 1}
        assert as_json("post", file, "--url", url, "--token", "cl_00_x", home=home, code=2)["error"]["code"] == "CL-INPUT-005"
        assert as_json("show", world.uri("carrier") + "events/over-http", home=home)["kind"] == "OBSERVE"
        assert as_json("verify", world.BOX, home=home)["verified"]
        assert "runs on this home already" in as_json("up", home=home, code=2)["error"]["message"]
    finally:
        server.send_signal(signal.SIGTERM)
        code = server.wait(30)
    assert code == 0
    assert not (home / "server.json").exists()
    assert as_json("post", file, "--as", "carrier", home=home)["documents"][0]["events"][0]["status"] == "recorded"


def test_up__port_taken__says_so(folder: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        fault = as_json("up", "--port", str(taken.getsockname()[1]), home=folder, code=2)["error"]
    assert fault["code"] == "CL-UNAVAILABLE-001" and "--port" in fault["remedy"]


def test_output__reader_of_the_pipe_gone__quiet(folder: Path) -> None:
    script = f"{sys.executable} -m api.cli.main show {world.BOX} --json --home {folder} | head -c 10"
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("{") and "Traceback" not in done.stderr


def test_index__cannot_be_read__said_with_code_and_remedy_and_no_traceback(told: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(told, tmp_path / "home"))
    with closing(sqlite3.connect(folder / "index.sqlite")) as raw, raw:
        raw.execute("DROP TABLE unit_name")
    code, out, err = command("show", world.BOX, home=folder)
    assert (code, out) == (3, "") and "[CL-INVARIANT-001]" in err and "what to do: " in err and "Traceback" not in err
    assert as_json("show", world.BOX, home=folder, code=3)["error"]["code"] == "CL-INVARIANT-001"


def test_book_list__every_book__with_its_owner_lots_and_last_act(folder: Path, tmp_path: Path) -> None:
    home = Path(shutil.copytree(folder, tmp_path / "home"))
    as_json("book", "add", "quiet", "--name", "Nothing yet", "--owner", "garment", "--regime", "GC", home=home)
    books = {b["id"]: b for b in as_json("book", "list", home=home)["books"]}
    assert [b["number"] for b in books.values()] == sorted(b["number"] for b in books.values())
    own = books["garment-book"]
    assert (own["owner"], own["regime"], own["lots"] > 0, own["openingOpen"]) == ("garment", "SXXK", True, True)
    assert own["lastAct"]["kind"] and own["lastAct"]["by"] and own["lastAct"]["event"].startswith("0x")
    assert (books["quiet"]["lots"], books["quiet"]["lastAct"]) == (0, None)
    code, out, _ = command("book", "list", home=home)
    assert code == 0 and all(name in out for name in books) and "nothing yet" in out


def test_book_list__an_act_that_names_a_lot_and_no_book__is_the_last_of_its_book(folder: Path, tmp_path: Path) -> None:
    home = Path(shutil.copytree(folder, tmp_path / "home"))
    own = next(b for b in as_json("book", "list", home=home)["books"] if b["id"] == "garment-book")
    offer = world.event("garment", "offer-lot", "OFFER", minute=500, **world.handover("garment", "carrier"),
                        quantityList=[{"epcClass": world.lot("garment", "COT-1")}])
    as_json("post", write(tmp_path / "offer.json", offer), "--as", "garment", home=home)
    after = next(b for b in as_json("book", "list", home=home)["books"] if b["id"] == "garment-book")
    assert after["lastAct"] != own["lastAct"] and after["lastAct"]["kind"] == "OFFER" and after["lots"] == own["lots"]


def test_book_list__a_book_that_the_directory_does_not_name__is_not_kept_back(folder: Path, tmp_path: Path) -> None:
    home = Path(shutil.copytree(folder, tmp_path / "home"))
    names = next(home.rglob("*irectory*.json"))
    directory = json.loads(names.read_text("utf-8"))
    number = next(b["number"] for b in directory["books"] if b["id"] == "garment-book")
    directory["books"] = [b for b in directory["books"] if b["id"] != "garment-book"]
    names.write_text(json.dumps(directory), encoding="utf-8")
    book = next(b for b in as_json("book", "list", home=home)["books"] if b["number"] == number)
    assert (book["id"], book["owner"], book["regime"], book["lots"] > 0) == ("", "garment", "SXXK", True)
    assert "(not in the directory)" in command("book", "list", home=home)[1]


def test_book_open__of_a_book_and_of_a_folder__what_is_left_and_since_when(folder: Path, tmp_path: Path) -> None:
    document = as_json("book", "open", "garment-book", home=folder)
    assert document["lots"] and all(x["balances"] and x["last_act"]["event"].startswith("0x") for x in document["lots"])
    resting = [x["idle_days"] for x in document["lots"]]
    assert resting == sorted(resting, reverse=True)
    assert not as_json("book", "open", "garment-book", "--idle", str(resting[0] + 1), home=folder)["lots"]
    code, out, _ = command("book", "open", "garment-book", home=folder)
    assert code == 0 and document["lots"][0]["code"] in out
    assert command("book", "example", str(tmp_path / "mine"))[0] == 0
    assert as_json("book", "open", str(tmp_path / "mine"), home=folder)["lots"]
    code, _, err = command("book", "open", str(tmp_path / "mine"), "--as-of", "2026-01-01", home=folder)
    assert code == 2 and "book.toml" in err
