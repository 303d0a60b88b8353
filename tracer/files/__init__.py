"""Books in files: what an accountant exports from the books of an enterprise, read into the same facts as the
index gives.

Start with `reading.read_book`; `tables` is the format, `judge` says what the ledger would have refused.
"""

from __future__ import annotations

from tracer.files.reading import BookFolder, read_book

__all__ = ["BookFolder", "read_book"]
