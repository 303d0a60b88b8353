"""Parts of `scripts/bench indexer`: `events` makes the chain, `nodes` serve it, `ours`, `fetch`, `ponder` and
`memory` measure, `report` says it. Nothing else imports them."""
