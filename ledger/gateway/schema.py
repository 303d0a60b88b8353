"""Tables of the gateway's and of a poster's store. A released step never changes; new ones are appended."""

from __future__ import annotations

GATEWAY_MIGRATIONS = (
    """
CREATE TABLE submission (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id BLOB NOT NULL UNIQUE,
  epcis_event_id TEXT NOT NULL,
  is_correction INTEGER NOT NULL,
  participant INTEGER NOT NULL,
  signer BLOB NOT NULL,
  kind INTEGER NOT NULL,
  line_count INTEGER NOT NULL,
  custody_event TEXT NOT NULL,
  signature BLOB NOT NULL,
  witness BLOB NOT NULL,
  commitment BLOB NOT NULL,
  counterparty INTEGER NOT NULL,
  reference BLOB NOT NULL,
  received_at_s INTEGER NOT NULL,
  status TEXT NOT NULL,
  outcome TEXT,
  waiting_for BLOB,
  batch INTEGER,
  batch_position INTEGER,
  tx_hash BLOB,
  block_number INTEGER,
  block_hash BLOB,
  log_index INTEGER,
  announced INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX submission_label ON submission (epcis_event_id, is_correction);
CREATE INDEX submission_status ON submission (status, seq);
CREATE INDEX submission_batch ON submission (batch);
CREATE INDEX submission_commitment ON submission (commitment);
CREATE INDEX submission_unannounced ON submission (announced, status);
CREATE TABLE submission_unit (
  unit BLOB NOT NULL,
  seq INTEGER NOT NULL REFERENCES submission (seq),
  PRIMARY KEY (unit, seq)
) WITHOUT ROWID;
CREATE INDEX submission_unit_seq ON submission_unit (seq);
CREATE TABLE status_change (
  id INTEGER PRIMARY KEY,
  seq INTEGER NOT NULL REFERENCES submission (seq),
  status TEXT NOT NULL,
  outcome TEXT,
  at_s INTEGER NOT NULL,
  tx_hash BLOB,
  note TEXT NOT NULL
);
CREATE INDEX status_change_seq ON status_change (seq);
CREATE TABLE batch (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tx_hash BLOB NOT NULL,
  sender BLOB NOT NULL,
  nonce INTEGER NOT NULL,
  raw BLOB NOT NULL,
  event_count INTEGER NOT NULL,
  state TEXT NOT NULL,
  made_at_s INTEGER NOT NULL,
  made_at_block INTEGER NOT NULL,
  gas_used INTEGER
);
CREATE INDEX batch_state ON batch (state);
CREATE INDEX batch_tx_hash ON batch (tx_hash);
CREATE TABLE payload (
  commitment BLOB PRIMARY KEY,
  sealed TEXT NOT NULL
);
CREATE TABLE payload_reader (
  commitment BLOB NOT NULL REFERENCES payload (commitment),
  participant INTEGER NOT NULL,
  PRIMARY KEY (commitment, participant)
) WITHOUT ROWID;
CREATE TABLE payload_grant (
  grant_id BLOB PRIMARY KEY,
  grantor INTEGER NOT NULL,
  grantee INTEGER NOT NULL,
  until_s INTEGER,
  content TEXT NOT NULL
);
CREATE INDEX payload_grant_grantee ON payload_grant (grantee);
CREATE TABLE payload_grant_entry (
  commitment BLOB NOT NULL,
  grant_id BLOB NOT NULL REFERENCES payload_grant (grant_id),
  PRIMARY KEY (commitment, grant_id)
) WITHOUT ROWID;
CREATE TABLE api_token (
  id TEXT PRIMARY KEY,
  hash BLOB NOT NULL,
  participant INTEGER NOT NULL,
  scopes TEXT NOT NULL,
  label TEXT NOT NULL,
  issued_at_s INTEGER NOT NULL,
  expires_at_s INTEGER NOT NULL,
  revoked_at_s INTEGER
);
""",
    """
ALTER TABLE submission ADD COLUMN occurred_at_s INTEGER NOT NULL DEFAULT 0;
UPDATE submission SET occurred_at_s = CAST(json_extract(custody_event, '$.occurredAt') AS INTEGER) / 1000;
ALTER TABLE submission ADD COLUMN block_time_s INTEGER;
ALTER TABLE submission ADD COLUMN not_before_s INTEGER NOT NULL DEFAULT 0;
ALTER TABLE submission ADD COLUMN setbacks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE status_change ADD COLUMN block_number INTEGER;
ALTER TABLE batch ADD COLUMN block_number INTEGER;
ALTER TABLE batch ADD COLUMN block_hash BLOB;
ALTER TABLE batch ADD COLUMN gas_estimated INTEGER;
CREATE INDEX batch_sender ON batch (sender, nonce);
CREATE TABLE backlog (
  open INTEGER NOT NULL
);
INSERT INTO backlog SELECT count(*) FROM submission WHERE status IN ('queued', 'submitted');
CREATE TRIGGER backlog_in AFTER INSERT ON submission WHEN new.status IN ('queued', 'submitted')
 BEGIN UPDATE backlog SET open = open + 1; END;
CREATE TRIGGER backlog_change AFTER UPDATE OF status ON submission
 WHEN (old.status IN ('queued', 'submitted')) <> (new.status IN ('queued', 'submitted'))
 BEGIN UPDATE backlog
  SET open = open + CASE WHEN new.status IN ('queued', 'submitted') THEN 1 ELSE -1 END; END;
CREATE TABLE final_block (
  number INTEGER PRIMARY KEY,
  hash BLOB NOT NULL,
  header BLOB NOT NULL
);
CREATE TABLE fork_evidence (
  id INTEGER PRIMARY KEY,
  number INTEGER NOT NULL,
  kept BLOB NOT NULL,
  found BLOB NOT NULL,
  at_s INTEGER NOT NULL,
  UNIQUE (kept, found)
);
CREATE TABLE look (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at_s INTEGER NOT NULL,
  reader INTEGER NOT NULL,
  owner INTEGER NOT NULL,
  event_id BLOB NOT NULL,
  place TEXT NOT NULL
);
CREATE INDEX look_owner ON look (owner, id);
CREATE INDEX look_event ON look (event_id);
CREATE TRIGGER look_kept BEFORE UPDATE ON look BEGIN SELECT raise(ABORT, 'looks are only added'); END;
CREATE TRIGGER look_stays BEFORE DELETE ON look BEGIN SELECT raise(ABORT, 'looks are only added'); END;
""",
)

POSTER_MIGRATIONS = (
    """
CREATE TABLE prepared (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  epcis_event_id TEXT NOT NULL,
  is_correction INTEGER NOT NULL,
  content_digest BLOB NOT NULL,
  event_id BLOB NOT NULL UNIQUE,
  signer BLOB NOT NULL,
  nonce INTEGER NOT NULL,
  deadline_s INTEGER NOT NULL,
  secret BLOB NOT NULL,
  submission TEXT NOT NULL,
  prepared_at_s INTEGER NOT NULL,
  replaced_by INTEGER REFERENCES prepared (id),
  UNIQUE (signer, nonce)
);
CREATE INDEX prepared_label ON prepared (epcis_event_id, is_correction);
""",
)
