"""The journey of `examples/journey` as data, and how its documents are written.

`scripts/build_journey.py` writes the folder from these modules; a test builds it again and compares. Nothing
here runs when the demo runs: the demo reads the committed files, as anybody would.
"""
