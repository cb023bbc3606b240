import { Hono, type Context } from "hono";
import { z } from "zod";
import { FleetError } from "../schema/errors.js";
import type { ConsensusDriver } from "./chain/driver.js";
import { faultSchema, type Faults } from "./faults.js";

/** What the control API steers. */
export interface Steered {
  readonly driver: ConsensusDriver;
  readonly faults: Faults;
  /** Asks whoever runs the network to stop it; answered before that happens. */
  readonly stop: () => void;
}

const timeSchema = z.strictObject({ advance: z.number().int().positive() });
const mineSchema = z.strictObject({ blocks: z.number().int().min(1).max(10_000).default(1) });
const reorgSchema = z.strictObject({ depth: z.number().int().min(1).default(1) });
const missSchema = z.strictObject({ slots: z.number().int().min(1).max(1000).default(1) });

/**
 * The rehearsal network's control panel, as HTTP with JSON bodies: see `devnet/README.md` for the list. Only JSON is taken, so that no web page can
 * press a button by a form.
 */
export function controlApp({ driver, faults, stop }: Steered): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    const json = context.req.header("content-type")?.startsWith("application/json") ?? false;
    if (context.req.method === "POST" && !json) return context.json({ error: "send JSON" }, 415);
    return next();
  });
  app.onError((error, context) =>
    error instanceof z.ZodError || error instanceof SyntaxError
      ? context.json({ error: error instanceof z.ZodError ? z.prettifyError(error) : error.message }, 400)
      : context.json({ error: error.message }, error instanceof FleetError ? 409 : 500),
  );
  const status = () => {
    const head = driver.head();
    return {
      block: { number: head.number, hash: head.hash, timestamp: Number(head.timestamp), slot: head.slot.header.slot },
      finalized: driver.finalized(),
      chainTime: Number(driver.now()),
      held: driver.held,
      faults: faults.list().map(({ id, fault, struck }) => ({ id, struck, ...fault })),
    };
  };

  app.get("/status", (context) => context.json(status()));
  app.post("/fault", async (context) => context.json({ id: faults.add(faultSchema.parse(await body(context))) }, 201));
  app.delete("/fault", (context) => context.json({ removed: faults.clear() }));
  app.delete("/fault/:id", (context) =>
    faults.remove(Number(context.req.param("id"))) ? context.json({ removed: 1 }) : context.json({ removed: 0 }, 404),
  );
  app.post("/time", async (context) => {
    await driver.advance(timeSchema.parse(await body(context)).advance);
    return context.json(status());
  });
  app.post("/mine", async (context) => {
    await driver.mine(mineSchema.parse(await body(context)).blocks);
    return context.json(status());
  });
  app.post("/miss", async (context) => {
    driver.missSlots(missSchema.parse(await body(context)).slots);
    return context.json(status());
  });
  app.post("/reorg", async (context) => {
    await driver.reorganise(reorgSchema.parse(await body(context)).depth);
    return context.json(status());
  });
  app.post("/hold", async (context) => {
    await driver.hold();
    return context.json(status());
  });
  app.post("/release", (context) => {
    driver.release();
    return context.json(status());
  });
  app.post("/stop", (context) => {
    stop();
    return context.json({ stopping: true }, 202);
  });
  return app;
}

/** The request's JSON; an empty body is an empty object. */
async function body(context: Context): Promise<unknown> {
  const text = await context.req.text();
  return text === "" ? {} : JSON.parse(text);
}
