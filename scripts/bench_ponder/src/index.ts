// Log to rows, as indexer/project.py does it; without heads, which Ponder has no counterpart for.
import { ponder } from "ponder:registry";
import { event as events, eventLine, lot, payload, unit, unitState } from "ponder:schema";

ponder.on("CustodyLedger:EventOutcome", async ({ event, context }) => {
  const { eventId, participant, signer, outcome, custodyEvent: said } = event.args as any;
  await context.db.insert(events).values({
    eventId, blockNumber: event.block.number, blockHash: event.block.hash, txHash: event.transaction.hash,
    logIndex: event.log.logIndex, signer, participant: Number(participant), kind: Number(said.kind), step: Number(said.step),
    counterparty: Number(said.counterparty), facility: Number(said.facility), book: Number(said.book), reference: said.reference_,
    occurredAtMs: BigInt(said.occurredAt), recordedAtS: event.block.timestamp, deadlineS: BigInt(said.deadline),
    nonce: BigInt(said.nonce), commitment: said.commitment, outcome: Number(outcome),
  });
  if (said.lines.length)
    await context.db.insert(eventLine).values(said.lines.map((line: any, position: number) => ({
      eventId, position, unit: line.unit, material: line.material, balance: Number(line.balance),
      quantityMicro: BigInt(line.quantity), role: Number(line.role),
    })));
  await context.db.insert(payload).values({ eventId, commitment: said.commitment, status: "withheld" });
});

ponder.on("CustodyLedger:UnitChanged", async ({ event, context }) => {
  const { unit: id, state: word } = event.args as any;
  const state = {
    thing: Number(word & 3n), status: Number((word >> 2n) & 7n), eligible: Boolean((word >> 5n) & 1n),
    holds: Number((word >> 8n) & 0xffffn), custodian: Number((word >> 24n) & 0xffffffn),
    facility: Number((word >> 48n) & 0xffffffn), changedBy: event.log.logIndex,
  };
  await context.db.insert(unit).values({ unit: id, ...state }).onConflictDoUpdate(state);
  await context.db.insert(unitState).values({
    unit: id, blockNumber: event.block.number, logIndex: event.log.logIndex, state: word,
  });
});

ponder.on("CustodyLedger:LotCreated", async ({ event, context }) => {
  const { lot: id, material, sourceLine, book, origin } = event.args as any;
  await context.db.insert(lot).values({
    unit: id, material, sourceLine, book: Number(book), origin: Number(origin), balances: 0n, more: 0n,
  }).onConflictDoNothing();
});

ponder.on("CustodyLedger:LotChanged", async ({ event, context }) => {
  const { lot: id, balances, more } = event.args as any;
  const held = { balances, more };
  await context.db.insert(lot).values({
    unit: id, material: id, sourceLine: id, book: 0, origin: 0, ...held,
  }).onConflictDoUpdate(held);
});
