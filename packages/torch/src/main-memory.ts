/**
 * Main memory that a process may still take before the kernel ends it: Linux grants every request and kills whoever
 * uses more than there is.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { freemem, platform, totalmem } from "node:os";

/** The text of a file of the kernel, or undefined where there is none. */
export type KernelFile = (path: string) => string | undefined;

function readKernelFile(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** The number after a name at the start of a line, such as `MemAvailable:  123 kB`. */
function numberAfter(text: string | undefined, name: string): number | undefined {
  const match = text === undefined ? null : new RegExp(`^${name}:?\\s+(\\d+)`, "m").exec(text);
  return match === null ? undefined : Number(match[1]);
}

/** What a control group still grants: its limit less what is in use and no cache of files. */
function leftInGroup(
  read: KernelFile,
  folder: string,
  names: readonly [limit: string, usage: string, inactive: string, active: string],
): number {
  const [limit, usage, inactive, active] = names;
  const most = Number.parseInt(read(`${folder}/${limit}`) ?? "max", 10);
  const used = Number.parseInt(read(`${folder}/${usage}`) ?? "", 10);
  if (Number.isNaN(most) || Number.isNaN(used)) return Number.POSITIVE_INFINITY;
  const stat = read(`${folder}/memory.stat`);
  const cache = (numberAfter(stat, inactive) ?? 0) + (numberAfter(stat, active) ?? 0);
  return Math.max(0, most - Math.max(0, used - cache));
}

/** A control group and those around it, innermost first. */
function* outwards(path: string): Generator<string> {
  const parts = path.split("/").filter((part) => part !== "");
  for (let n = parts.length; n >= 0; n--)
    yield parts
      .slice(0, n)
      .map((part) => `/${part}`)
      .join("");
}

/**
 * Bytes that are left: what the machine has (`MemAvailable`) and what the control groups of this process grant,
 * versions 1 and 2, whichever is less. Elsewhere than on Linux the free memory, or half of all where less is free,
 * because other systems swap and compress.
 *
 * @param read - reads the files of the kernel
 */
export function availableMainMemory(read: KernelFile = readKernelFile, system: string = platform()): number {
  if (system !== "linux") return Math.max(freemem(), totalmem() / 2);
  const machine = numberAfter(read("/proc/meminfo"), "MemAvailable");
  let left = machine === undefined ? freemem() : machine * 1024;
  for (const line of (read("/proc/self/cgroup") ?? "").split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (path === undefined || controllers === undefined) continue;
    for (const group of outwards(path)) {
      if (controllers === "") {
        const names = ["memory.max", "memory.current", "inactive_file", "active_file"] as const;
        left = Math.min(left, leftInGroup(read, `/sys/fs/cgroup${group}`, names));
      } else if (controllers.split(",").includes("memory")) {
        const names = [
          "memory.limit_in_bytes",
          "memory.usage_in_bytes",
          "total_inactive_file",
          "total_active_file",
        ] as const;
        left = Math.min(left, leftInGroup(read, `/sys/fs/cgroup/memory${group}`, names));
      }
    }
  }
  return left;
}
