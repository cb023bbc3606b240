import { readFileSync } from "node:fs";
import { mustDocker } from "./docker-engine.js";

/** The label by which a container or network of ours names the process that made it. */
const ownerLabel = "lightchain-fleet.test.owner";

/** A process for good: its number, and when it began, since numbers come again. */
export function identityOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return `${pid}.${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? ""}`; // field 22 of proc(5)
  } catch {
    return undefined;
  }
}

/** The flags that make this process the owner of what `docker run` or `docker network create` makes. */
export const ownedByUs = (): string[] => ["--label", `${ownerLabel}=${identityOf(process.pid) ?? ""}`];

/** Removes the containers and networks whose process is gone: a test run was killed. What lives, of whichever run, is left alone. */
export async function removeAbandoned(): Promise<void> {
  const lists = [
    { list: ["ps", "--all"], remove: ["rm", "--force", "--volumes"] },
    { list: ["network", "ls"], remove: ["network", "rm"] },
  ];
  for (const { list, remove } of lists) {
    const format = `{{.ID}} {{.Label "${ownerLabel}"}}`;
    const lines = await mustDocker(...list, "--filter", `label=${ownerLabel}`, "--format", format);
    for (const line of lines.split("\n").filter((one) => one !== "")) {
      const [id = "", owner = ""] = line.split(" ");
      // another run may be at the same: what is gone already is fine
      if (identityOf(Number(owner.split(".")[0])) !== owner) await mustDocker(...remove, id).catch(() => undefined);
    }
  }
}
