import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { FleetError } from "../../schema/errors.js";
import { runProcess } from "../../system/process.js";
import type { SystemUser } from "./unit.js";

/** LF1340: the machine does not make or change a system user. */
export class UserNotMade extends FleetError {
  constructor(args: readonly string[], output: string, cause?: unknown) {
    const last = output.trim().split("\n").at(-1) ?? "";
    super("LF1340", `${args[0] ?? ""} ${args.at(-1) ?? ""} failed: ${last === "" ? "no output" : last}.`, {
      fix: "mend what it says (the package with useradd is passwd or shadow-utils), then run the same command again.",
      cause,
    });
  }
}
/** LF1341: a user with the name that a service of ours would have was made by somebody else. */
export class UserNotOurs extends FleetError {
  constructor(name: string) {
    super("LF1341", `The user ${name} exists on this host, and was not made by this toolkit.`, {
      fix: `look at what it is for (getent passwd ${name}); then userdel ${name}, or another hostRoot.`,
    });
  }
}

/** Linux takes 32 characters, of which older tools want one (useradd(8)). */
const longest = 31;

/** The name of a unit's user: readable as far as there is room, and told apart by the host's folder and the unit's whole name. Pure. */
export function userName(root: string, unit: string): string {
  const tag = createHash("sha256").update(`${root}\n${unit}`).digest("hex").slice(0, 8);
  const room = longest - "lightchain-".length - 1 - tag.length;
  const readable = unit
    .replace(/^worker-/, "")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, "")
    .slice(0, room);
  return `lightchain-${readable === "" ? "" : `${readable}-`}${tag}`;
}

/** What stands in a user's comment field when a host's folder is what it was made for. Pure. */
export const markOf = (root: string): string =>
  `Lightchain host ${createHash("sha256").update(root).digest("hex").slice(0, 16)}`;

interface Entry extends SystemUser {
  readonly mark: string;
}

/** Lines of /etc/passwd (passwd(5)). Pure. */
export function parsePasswd(text: string): Entry[] {
  return text.split("\n").flatMap((line) => {
    const [name = "", , uid, gid, mark = "", home] = line.split(":");
    return home === undefined ? [] : [{ name, uid: Number(uid), gid: Number(gid), mark }];
  });
}

/** Of the groups, those that the machine has (group(5)) and the user is no member of. Pure. */
export function groupsToJoin(text: string, user: string, wanted: readonly string[]): string[] {
  return text.split("\n").flatMap((line) => {
    const [name = "", , , members] = line.split(":");
    return members === undefined || !wanted.includes(name) || members.split(",").includes(user) ? [] : [name];
  });
}

/** The user, made if there is none: no login, no home, no password. @throws UserNotMade LF1340, UserNotOurs LF1341 */
export async function ensureUser(root: string, unit: string, groups: readonly string[]): Promise<SystemUser> {
  const name = userName(root, unit);
  const mark = markOf(root);
  const present = await find(name);
  if (present !== undefined && present.mark !== mark) throw new UserNotOurs(name);
  if (present === undefined) {
    const nowhere = ["--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"];
    await change(["useradd", "--system", "--user-group", ...nowhere, "--comment", mark, name]);
  }
  const toJoin = groupsToJoin(await readFile("/etc/group", "utf8"), name, groups);
  if (toJoin.length > 0) await change(["usermod", "--append", "--groups", toJoin.join(","), name]);
  const user = present ?? (await find(name));
  if (user === undefined) throw new UserNotMade(["useradd", name], "it is not in /etc/passwd afterwards");
  return { name, uid: user.uid, gid: user.gid };
}

/** Takes a unit's user away if it is ours. */
export async function removeUser(root: string, unit: string): Promise<void> {
  const found = await find(userName(root, unit));
  if (found?.mark === markOf(root)) await drop(found.name);
}

/** Takes away every user that was made for a host's folder, also for a unit that nobody remembers. */
export async function removeUsersOf(root: string): Promise<void> {
  for (const { name, mark } of parsePasswd(await readFile("/etc/passwd", "utf8")))
    if (mark === markOf(root)) await drop(name);
}

async function drop(name: string): Promise<void> {
  await change(["userdel", name]);
  // Where USERGROUPS_ENAB is off, its group stays (login.defs(5)).
  const isLeft = (await readFile("/etc/group", "utf8")).split("\n").some((line) => line.startsWith(`${name}:`));
  if (isLeft) await change(["groupdel", name]);
}

const find = async (name: string): Promise<Entry | undefined> =>
  parsePasswd(await readFile("/etc/passwd", "utf8")).find((entry) => entry.name === name);

async function change(command: readonly [string, ...string[]]): Promise<void> {
  const [program, ...args] = command;
  const ended = await runProcess(program, args, { env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" } }).catch(
    (error: unknown) => {
      throw new UserNotMade(command, `${program} is not installed`, error);
    },
  );
  if (ended.code !== 0) throw new UserNotMade(command, ended.stderr || ended.stdout);
}
