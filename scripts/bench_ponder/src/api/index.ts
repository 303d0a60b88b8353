// Ponder wants an API file; nothing is asked of it.
import { Hono } from "hono";

export default new Hono();
