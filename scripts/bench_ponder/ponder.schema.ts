// The rows that our index has of the same logs: events with their lines, units with their present state and history, lots.
import { index, onchainTable, primaryKey } from "ponder";

export const event = onchainTable("event", (t) => ({
  eventId: t.hex().primaryKey(), blockNumber: t.bigint().notNull(), blockHash: t.hex().notNull(), txHash: t.hex().notNull(),
  logIndex: t.integer().notNull(), signer: t.hex().notNull(), participant: t.integer().notNull(), kind: t.integer().notNull(),
  step: t.integer().notNull(), counterparty: t.integer().notNull(), facility: t.integer().notNull(), book: t.integer().notNull(),
  reference: t.hex().notNull(), occurredAtMs: t.bigint().notNull(), recordedAtS: t.bigint().notNull(), deadlineS: t.bigint().notNull(),
  nonce: t.bigint().notNull(), commitment: t.hex().notNull(), outcome: t.integer().notNull(),
}));

export const eventLine = onchainTable("event_line", (t) => ({
  eventId: t.hex().notNull(), position: t.integer().notNull(), unit: t.hex().notNull(), material: t.hex().notNull(),
  balance: t.integer().notNull(), quantityMicro: t.bigint().notNull(), role: t.integer().notNull(),
}), (table) => ({ pk: primaryKey({ columns: [table.eventId, table.position] }), unitIdx: index().on(table.unit) }));

export const payload = onchainTable("payload", (t) => ({
  eventId: t.hex().primaryKey(), commitment: t.hex().notNull(), status: t.text().notNull(),
}));

export const unit = onchainTable("unit", (t) => ({
  unit: t.hex().primaryKey(), thing: t.integer().notNull(), status: t.integer().notNull(), eligible: t.boolean().notNull(),
  holds: t.integer().notNull(), custodian: t.integer().notNull(), facility: t.integer().notNull(), changedBy: t.integer().notNull(),
}));

export const unitState = onchainTable("unit_state", (t) => ({
  unit: t.hex().notNull(), blockNumber: t.bigint().notNull(), logIndex: t.integer().notNull(), state: t.bigint().notNull(),
}), (table) => ({ pk: primaryKey({ columns: [table.unit, table.blockNumber, table.logIndex] }) }));

export const lot = onchainTable("lot", (t) => ({
  unit: t.hex().primaryKey(), material: t.hex().notNull(), sourceLine: t.hex().notNull(), book: t.integer().notNull(),
  origin: t.integer().notNull(), balances: t.bigint().notNull(), more: t.bigint().notNull(),
}));
