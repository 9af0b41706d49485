/**
 * One process at a time trains in a run folder: `run.lock` in it says which.
 *
 * @module
 */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { UsageError } from "@renograde/core";
import { toFileAccessError } from "@renograde/slides/node";

/** Another process of this machine trains in the folder. */
export class RunBusyError extends UsageError {
  /** Number of that process. */
  readonly pid: number;

  constructor(folder: string, pid: number) {
    super(`${folder}: process ${pid} is training there; wait until it has ended, or name another run folder`);
    this.pid = pid;
  }
}

interface Holder {
  readonly host: string;
  readonly pid: number;
  /** When the process started, by the system's clock; null where the system does not tell. */
  readonly started: string | null;
}

/** Start of a process (field 22 of /proc/PID/stat), so that a number given anew is another process. */
async function startOf(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  // The second field is a name in brackets that may hold anything.
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
}

async function isAlive({ pid, started }: Holder): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  return started === (await startOf(pid));
}

async function readHolder(path: string): Promise<Holder | null> {
  try {
    const holder = JSON.parse(await readFile(path, "utf8")) as Partial<Holder> | null;
    const { host, pid, started } = holder ?? {};
    if (typeof host !== "string" || typeof pid !== "number") return null;
    return { host, pid, started: started ?? null };
  } catch {
    return null; // gone meanwhile, or cut off
  }
}

/**
 * Takes a run folder for this process. A lock of a process that has ended, or of another machine, where nobody can
 * tell, is replaced.
 *
 * @returns the function that gives the folder back
 * @throws RunBusyError while another process of this machine trains there
 * @throws FileAccessError when the folder cannot be written
 */
export async function lockRun(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, "run.lock");
  const self: Holder = { host: hostname(), pid: process.pid, started: await startOf(process.pid) };
  const take = () => writeFile(path, JSON.stringify(self), { flag: "wx" });
  try {
    await mkdir(folder, { recursive: true });
    await take().catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
      const holder = await readHolder(path);
      if (holder !== null && holder.host === self.host && (await isAlive(holder))) {
        throw new RunBusyError(folder, holder.pid);
      }
      await rm(path, { force: true });
      await take();
    });
  } catch (error) {
    throw error instanceof RunBusyError ? error : toFileAccessError(path, error);
  }
  return () => rm(path, { force: true });
}
