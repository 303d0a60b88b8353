// The same ledger, the same blocks, the same node as ours. Everything that differs between runs comes in as variables.
import { readFileSync } from "node:fs";
import { createConfig } from "ponder";

const env = (name: string): string => process.env[name] ?? "";
const url = env("BENCH_DATABASE_URL");

export default createConfig({
  ordering: "omnichain",
  database: url ? { kind: "postgres", connectionString: url } : { kind: "pglite" },
  chains: { ledger: { id: Number(env("BENCH_CHAIN_ID")), rpc: env("BENCH_RPC"), disableCache: true } },
  contracts: {
    CustodyLedger: {
      chain: "ledger",
      abi: JSON.parse(readFileSync(env("BENCH_ABI"), "utf8")),
      address: env("BENCH_LEDGER") as `0x${string}`,
      startBlock: Number(env("BENCH_FIRST")),
      endBlock: Number(env("BENCH_LAST")),
    },
  },
});
