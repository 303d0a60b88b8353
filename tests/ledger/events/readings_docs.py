"""The generated table of docs/formats/readings.md.

    .venv/bin/python -m tests.ledger.events.readings_docs      write it into the document
"""

from __future__ import annotations

import re
from pathlib import Path

from ledger.events.readings import SENTENCES

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "formats" / "readings.md"


def rendered(text: str) -> str:
    """The document with its table as the code has it."""
    rows = ["| verdict | meaning |", "|---|---|", *(f"| {verdict} | {sentence} |" for verdict, sentence in SENTENCES.items())]
    return re.sub(r"(?<=<!-- generated: verdicts -->\n).*?(?=<!-- end -->)", "\n".join(rows) + "\n", text, flags=re.S)


if __name__ == "__main__":
    DOCUMENT.write_text(rendered(DOCUMENT.read_text("utf-8")), "utf-8")
