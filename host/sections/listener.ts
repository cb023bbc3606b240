import { readdir, readFile, readlink } from "node:fs/promises";

/**
 * Whether it is this process that listens on a loopback port, by /proc (proc(5), `net/tcp` and `fd`): an answer alone may come from a stranger.
 * `undefined` where the machine does not tell: no /proc, or another user's process.
 */
export async function listensOn(pid: number, port: number): Promise<boolean | undefined> {
  try {
    const sockets = listenersOn(port, await readFile("/proc/net/tcp", "utf8"));
    const open = await Promise.all(
      (await readdir(`/proc/${pid}/fd`)).map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")),
    );
    return open.some((target) => sockets.has(target));
  } catch {
    return undefined;
  }
}

/** The sockets, as `socket:[inode]`, that listen on 127.0.0.1 or on every address, from the text of /proc/net/tcp. Pure. */
export function listenersOn(port: number, table: string): Set<string> {
  const listening = "0A";
  const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
  const wanted = [`0100007F:${hexPort}`, `00000000:${hexPort}`];
  return new Set(
    table
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .filter(([, local, , state]) => local !== undefined && wanted.includes(local) && state === listening)
      .map((fields) => `socket:[${fields[9] ?? ""}]`),
  );
}
