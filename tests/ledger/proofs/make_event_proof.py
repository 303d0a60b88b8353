"""Write docs/formats/vectors/event-proof.json and trust-root.json: a proof that every later version must still verify.

Usage: python tests/ledger/proofs/make_event_proof.py. Keys are fixed and worthless. The result depends on the
contracts' code (addresses do not, the state root does), so it is written once and kept, not compared.
"""

from __future__ import annotations

import json
import sys
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from nacl.signing import SigningKey  # noqa: E402

from ledger.chain.checkpoints import CheckpointLog  # noqa: E402
from ledger.events.model import Line  # noqa: E402
from ledger.proofs.bundle import build_event_bundle  # noqa: E402
from ledger.proofs.bundle_format import WholeOpening  # noqa: E402
from ledger.proofs.commitment import commit  # noqa: E402
from ledger.proofs.verify import TrustRoot, verify_bundle  # noqa: E402
from ledger.vocabulary import Kind, LineRole  # noqa: E402
from tests.chain_fixtures import Clock, open_engine  # noqa: E402
from tests.ledger.chain.ledger_fixtures import CARRIER_KEY, CUSTOMS_KEY, network  # noqa: E402

VECTORS = ROOT / "docs" / "formats" / "vectors"
SECRET, UNIT = b"\x06" * 32, b"\x0a" * 32
CONTENT: dict[str, Any] = {
    "type": "ObjectEvent", "eventTime": "2026-01-01T00:00:00Z", "epcList": ["urn:epc:id:bic:CSQU3054383"],
    "cl:kind": "ARRIVE", "cl:grossWeight": Decimal("21450.250")}


def main() -> None:
    with tempfile.TemporaryDirectory() as name, open_engine("embedded", Path(name), Clock()) as chain:
        made = network(chain)
        event = made.stamp(
            CARRIER_KEY, kind=Kind.ARRIVE, facility=1, lines=(Line(UNIT, role=LineRole.CONTAINER),),
            commitment=commit(CONTENT, SECRET, submitter="carrier").root)
        number = made.record(made.sign(CARRIER_KEY, event)).block_number
        made.record(made.sign(CUSTOMS_KEY, made.stamp(CUSTOMS_KEY, kind=Kind.HOLD, lines=(Line(UNIT),))))
        log = CheckpointLog(Path(name) / "log.sqlite", "ledger.example/20263001", SigningKey(b"\x05" * 32))
        note = log.sign_head(chain)
        bundle = build_event_bundle(
            chain, made.deployment, made.id_of(event), number, note=note, key=log.public, unit=UNIT,
            opening=WholeOpening(CONTENT, SECRET, "carrier"))
        trust = TrustRoot(made.deployment.chain_id, made.deployment.ledger, log.public)
        verify_bundle(bundle, trust)
        log.close()
    (VECTORS / "event-proof.json").write_bytes(bundle.to_bytes())
    (VECTORS / "trust-root.json").write_text(json.dumps(trust.to_json(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
