"""Parts of `scripts/bench ledger`: `mix` makes the events, `engines` what they are posted into, `measure` and
`logs` measure, `report` says it. Nothing else imports them."""
