"""Thin shells over the layers below: `http` (REST and EPCIS capture), `web` (pages), `cli` (the command).

No rules of any kind live here. Start with `http/app.py` or `cli/main.py`.
"""

__version__ = "0.1.0"
