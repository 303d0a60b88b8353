"""The HTTP API: EPCIS capture and questions, behind bearer tokens. Start with `app`.

`gate` asks for a token before every route that is not public, `problems` has the one error shape.
"""
