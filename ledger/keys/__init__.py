"""Keys: `signers` (by URI, one back end a file), `sealing` (payloads to readers), `grants` (later readers).

Configuration names keys by URI and never holds one. Key files are 0600 from creation.
"""
