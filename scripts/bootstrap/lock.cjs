"use strict";
const fs = require("node:fs");
const path = require("node:path");
const crypto = require("node:crypto");

/**
 * One bootstrap at a time in a checkout. The lock is a folder that holds one file named after its owner: `rename` puts folder and owner
 * there in one step and fails while another owner's file is in it. A dead owner is removed *by name*, so whoever cleans up can never
 * take away the lock of somebody who came in between.
 *
 * @param {string} folder the lock
 * @param {{onWait?: (pid: number) => void, pauseMs?: number}} [options]
 * @returns {Promise<{release(): void}>}
 */
async function acquire(folder, options = {}) {
  fs.mkdirSync(path.dirname(folder), { recursive: true });
  const owner = `${process.pid}-${startOf(process.pid) ?? "0"}-${crypto.randomBytes(4).toString("hex")}`;
  for (let waited = false; ;) {
    if (take(folder, owner)) return { release: () => release(folder, owner) };
    const holder = holderOf(folder);
    if (holder && isDead(holder)) {
      fs.rmSync(path.join(folder, holder), { force: true });
      continue;
    }
    if (holder && !waited) options.onWait?.(pidOf(holder));
    waited = waited || holder !== undefined;
    await new Promise((resolve) => setTimeout(resolve, options.pauseMs ?? 200));
  }
}

function take(folder, owner) {
  const mine = `${folder}.${owner}`;
  fs.mkdirSync(mine);
  fs.writeFileSync(path.join(mine, owner), "");
  try {
    fs.renameSync(mine, folder); // an empty folder there is replaced
    return true;
  } catch (error) {
    fs.rmSync(mine, { recursive: true, force: true });
    if (["ENOTEMPTY", "EEXIST"].includes(error.code)) return false;
    throw error;
  }
}

function release(folder, owner) {
  fs.rmSync(path.join(folder, owner), { force: true });
  try {
    fs.rmdirSync(folder);
  } catch {
    // somebody else has it already
  }
}

function holderOf(folder) {
  try {
    return fs.readdirSync(folder)[0];
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

const pidOf = (holder) => Number(holder.split("-")[0]);

function isDead(holder) {
  const [pid, start] = holder.split("-");
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    return error.code === "ESRCH";
  }
  const now = startOf(Number(pid)); // a new process may have got the number of the dead one
  return start !== "0" && now !== undefined && now !== start;
}

/** When a process started, in the kernel's ticks; unknown where there is no /proc. */
function startOf(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

module.exports = { acquire };
