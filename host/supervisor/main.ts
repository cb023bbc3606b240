import { chmodSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { parseArgs } from "node:util";
import { readFile } from "node:fs/promises";
import { describeError, FleetError } from "../../schema/errors.js";
import { toJson } from "../../schema/json.js";
import { systemClock } from "../../system/clock.js";
import { createLogger } from "../../system/log.js";
import { tryLock } from "../../system/lock.js";
import { presentPublicKey, requireOriginal } from "../host-key.js";
import { layoutOf } from "../layout.js";
import { unitSchema } from "../services/unit.js";
import { answersWithin, silentExit } from "./answers.js";
import { notesIn } from "./notes.js";
import { exitCodes } from "./restart-policy.js";
import { supervisorRequestSchema, type SupervisorReply } from "./protocol.js";
import { runUnit } from "./run-unit.js";
import { Supervisor } from "./supervisor.js";

/*
 * supervisor --root FOLDER    keeps the host's units running until it is told to shut down
 * supervisor --unit FILE      runs one unit in the foreground, for another service manager: opens its secret, hands it over, passes on signals and exit code
 * supervisor --here KEY SEAL  whether the host's key was made where it is, and is the one with this public half: 0, or 1 and why
 * supervisor --answers STATE --within SECONDS  whether the sidecar with this state folder answers: 0, or 70
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    root: { type: "string" },
    unit: { type: "string" },
    here: { type: "string" },
    answers: { type: "string" },
    within: { type: "string" },
  },
});

if (values.unit !== undefined) void runOne(values.unit);
else if (values.here !== undefined) void standsHere(values.here, positionals[0] ?? "");
else if (values.answers !== undefined) void look(values.answers, Number(values.within) * 1_000);
else if (values.root !== undefined) void supervise(values.root);
else process.exit(64);

async function supervise(root: string): Promise<void> {
  const layout = layoutOf(root);
  const { supervisor: folders } = layout;
  const log = createLogger("supervisor");
  try {
    // In a copy of a host's folder the notes are about the first one's programs, and must not be acted on.
    await presentPublicKey(layout);
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    log.fatal({ code: error.code, fix: error.fix }, error.summary);
    return process.exit(exitCodes.misconfigured);
  }
  const held = tryLock(folders.lock);
  if (held === undefined) {
    // LF1314: another supervisor looks after this host's folder. Next: nothing; this one has ended and left everything to it.
    log.warn({ code: "LF1314" }, `another supervisor looks after ${root}; this one ends and leaves everything to it`);
    return process.exit(0);
  }
  const supervisor = new Supervisor({
    run: runUnit,
    notes: notesIn(folders, systemClock, log),
    clock: systemClock,
    log,
  });
  const server = createServer({ allowHalfOpen: true }, (connection) => {
    let text = "";
    connection.setEncoding("utf8");
    connection.on("error", () => undefined);
    connection.on("data", (part: string) => {
      text += part;
      if (!text.includes("\n")) return;
      connection.removeAllListeners("data");
      void answer(supervisor, text).then((reply) => {
        connection.end(`${toJson(reply.body)}\n`);
        if (reply.last) connection.once("close", () => void end());
      });
    });
  });
  let ending: Promise<void> | undefined;
  const end = (exitCode = 0): Promise<void> =>
    (ending ??= (async () => {
      log.info("stopping every program");
      server.close();
      await supervisor.stop();
      rmSync(folders.socket, { force: true });
      held.release();
      process.exit(exitCode);
    })());
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void end());
  server.on("error", (error) => {
    log.error({ err: error }, "nobody can ask this supervisor");
    void end(1);
  });

  await supervisor.start();
  if (ending !== undefined) return; // told to stop meanwhile
  rmSync(folders.socket, { force: true }); // a killed predecessor's; the lock says that nobody listens on it
  server.listen(folders.socket, () => {
    chmodSync(folders.socket, 0o600);
    log.info({ pid: process.pid }, "supervising");
  });
}

async function answer(supervisor: Supervisor, line: string): Promise<{ body: SupervisorReply; last: boolean }> {
  try {
    const request = supervisorRequestSchema.parse(JSON.parse(line));
    return { body: { pid: process.pid, ...(await supervisor.handle(request)) }, last: request.op === "shutdown" };
  } catch (error) {
    return { body: { pid: process.pid, changed: false, status: null, error: describeError(error) }, last: false };
  }
}

/** Exit codes pass through; a signal's end is 1, and so is a program that cannot be started, which another service manager tries again; 78 where that has a code of ours. */
async function runOne(file: string): Promise<void> {
  try {
    const program = await runUnit(unitSchema.parse(JSON.parse(await readFile(file, "utf8"))), "inherit");
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => program.kill(signal));
    process.exit((await program.ended) ?? 1);
  } catch (error) {
    // One of ours has said why already, and that stays the log's last word.
    if (!(error instanceof FleetError))
      createLogger("supervisor").error({ file, err: error }, "program could not be started");
    process.exit(error instanceof FleetError ? exitCodes.misconfigured : 1);
  }
}

/** For systemd's ExecCondition: anything but 0 keeps the unit down without a try to start it again. */
async function standsHere(hostKey: string, sealKey: string): Promise<void> {
  try {
    await requireOriginal(hostKey, sealKey);
    process.exit(0);
  } catch (error) {
    const log = createLogger("supervisor");
    if (error instanceof FleetError) log.fatal({ code: error.code, fix: error.fix }, error.summary);
    else log.error({ err: error }, "the host's key cannot be read");
    process.exit(1);
  }
}

async function look(state: string, withinMs: number): Promise<void> {
  process.exit((await answersWithin(state, withinMs, systemClock)) ? 0 : silentExit);
}
