"""The `cargoledger` command. Start with `main`; `network`, `posting`, `asking`, `serving` hold the commands.

`shell` turns every fault into one readable block (or, with `--json`, one document); `render` draws with rich.
"""
