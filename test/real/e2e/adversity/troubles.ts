import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { systemClock } from "../../../../system/clock.js";
import { processesIn } from "../rehearsal.js";
import type { SmallDisk } from "./small-disk.js";

/** Something that is down for a while. */
export interface Trouble {
  begin(): Promise<void>;
  end(): Promise<void>;
}

/** A part of the rehearsal network that fails. @param control address of its control API */
export function fault(control: string, what: Readonly<Record<string, unknown>>): Trouble {
  let id: number | undefined;
  return {
    begin: async () => {
      const answer = await fetch(`${control}/fault`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(what),
      });
      id = z.object({ id: z.number() }).parse(await answer.json()).id;
    },
    end: async () => {
      await fetch(`${control}/fault/${id ?? 0}`, { method: "DELETE" });
    },
  };
}

export const full = (disk: SmallDisk): Trouble => ({ begin: () => disk.fill(), end: () => disk.grow() });

/** Several at once. */
export const both = (...troubles: readonly Trouble[]): Trouble => ({
  begin: async () => {
    for (const one of troubles) await one.begin();
  },
  end: async () => {
    for (const one of troubles) await one.end();
  },
});

/** An Ollama that can be broken: the program that is named to the stack stands before the real one. */
export interface BreakableOllama {
  readonly program: string;
  readonly dead: Trouble;
}

/** @param hostRoot where it is run from, by which its processes are told from others' */
export async function breakableOllama(folder: string, ollama: string, hostRoot: string): Promise<BreakableOllama> {
  const program = join(folder, "ollama");
  const broken = join(folder, "ollama-is-broken");
  await writeFile(program, `#!/bin/sh\n[ "$1" = serve ] && [ -e '${broken}' ] && exit 3\nexec '${ollama}' "$@"\n`);
  await chmod(program, 0o755);
  return {
    program,
    dead: {
      begin: async () => {
        await writeFile(broken, "");
        for (const pid of await processesIn(join(hostRoot, "ollama")))
          if ((await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).includes("serve"))
            process.kill(pid, "SIGKILL");
      },
      end: () => rm(broken, { force: true }),
    },
  };
}

/** Waits for what must come to hold. */
export async function until(what: string, holds: () => Promise<boolean>, seconds = 60): Promise<void> {
  for (const end = Date.now() + seconds * 1_000; Date.now() < end; await systemClock.sleep(100))
    if (await holds()) return;
  throw new Error(`it did not come to hold within ${seconds} s: ${what}`);
}
