// Log to rows, as indexer/project.py does it; without heads, which Ponder has no counterpart for.
import { ponder } from "ponder:registry";
import { event as events, eventLine, lot, payload, unit, unitState } from "ponder:schema";

// The packed outcome, as docs/formats/contracts.md says.
function read(act: bigint, content: string) {
  let at = 2;
  const take = (bytes: number) => "0x" + content.slice(at, (at += 2 * bytes));
  const amount = (bytes: number) => BigInt(take(bytes));
  const occurredAt = amount(8), deadline = amount(8), nonce = amount(8);
  const there = (bit: bigint) => ((act >> bit) & 1n) === 1n;
  const counterparty = there(41n) ? amount(4) : 0n, facility = there(42n) ? amount(4) : 0n, book = there(43n) ? amount(4) : 0n;
  const reference = there(40n) ? take(32) : "0x" + "00".repeat(32);
  if (there(44n) || there(45n)) amount(8); // what is drawn or exited of the line in reference, which has no table here
  const lines: any[] = [], held: any[] = [];
  while (at < content.length) {
    const unit = take(32), follows = Number(take(1));
    const [quantity, balance, role] = follows & 1 ? [amount(8), Number(take(1)), Number(take(1))] : [0n, 0, 0];
    lines.push({ unit, quantity, balance, role, material: follows & 2 ? take(32) : "0x" + "00".repeat(32) });
    if (!(follows & 4)) continue;
    const amounts: Record<number, bigint> = {}; // of the lot now, by the bits of the mask
    for (let mask = Number(take(1)), bit = 0; mask >> bit; bit++) if ((mask >> bit) & 1) amounts[bit] = amount(8);
    held.push({ unit, amounts });
  }
  return { occurredAt, deadline, nonce, counterparty, facility, book, reference, lines, held };
}

const put = (word: bigint, place: bigint, value: bigint) => (word & ~(0xffffffffffffffffn << (64n * place))) | (value << (64n * place));

// A lot's words with the amounts that an outcome tells: raw, wip, finished, scrap in `balances`, loaded in `more`.
function holding(row: { balances: bigint; more: bigint }, amounts: Record<number, bigint>) {
  let { balances, more } = row;
  for (let bit = 0; bit < 4; bit++) if (bit in amounts) balances = put(balances, BigInt(bit), amounts[bit]!);
  const loaded = amounts[7] ?? amounts[5];
  return { balances, more: loaded === undefined ? more : put(more, 1n, loaded) };
}

ponder.on("CustodyLedger:EventOutcome", async ({ event, context }) => {
  const { eventId, act, commitment, content } = event.args as any;
  const said = read(act, content);
  await context.db.insert(events).values({
    eventId, blockNumber: event.block.number, blockHash: event.block.hash, txHash: event.transaction.hash,
    logIndex: event.log.logIndex, signer: "0x" + (act >> 80n).toString(16).padStart(40, "0"),
    participant: Number((act >> 48n) & 0xffffffffn), kind: Number((act >> 16n) & 0xffn), step: Number((act >> 24n) & 0xffffn),
    counterparty: Number(said.counterparty), facility: Number(said.facility), book: Number(said.book), reference: said.reference,
    occurredAtMs: said.occurredAt, recordedAtS: event.block.timestamp, deadlineS: said.deadline,
    nonce: said.nonce, commitment, outcome: Number(act & 0xffffn),
  });
  if (said.lines.length)
    await context.db.insert(eventLine).values(said.lines.map((line: any, position: number) => ({
      eventId, position, unit: line.unit, material: line.material, balance: line.balance,
      quantityMicro: line.quantity, role: line.role,
    })));
  await context.db.insert(payload).values({ eventId, commitment, status: "withheld" });
  for (const { unit: id, amounts } of said.held)
    await context.db.update(lot, { unit: id }).set((row: any) => holding(row, amounts));
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
  const { lot: id, material, sourceLine, book, origin, balances } = event.args as any;
  await context.db.insert(lot).values({
    unit: id, material, sourceLine, book: Number(book), origin: Number(origin), balances, more: 0n,
  }).onConflictDoNothing();
});

ponder.on("CustodyLedger:LotChanged", async ({ event, context }) => {
  const { lot: id, balances, more } = event.args as any;
  const held = { balances, more };
  await context.db.insert(lot).values({
    unit: id, material: id, sourceLine: id, book: 0, origin: 0, ...held,
  }).onConflictDoUpdate(held);
});
