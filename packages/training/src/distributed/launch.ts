/**
 * Starts the processes of a data-parallel run on this machine, as torchrun does for Python.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { availableParallelism } from "node:os";

/** What to start. */
export interface LaunchOptions {
  readonly processes: number;
  /** Program and arguments, the same for every process; the variables of `readProcessPlace` tell them apart. */
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Passed on to all processes as SIGTERM. */
  readonly signal?: AbortSignal;
  /** Gets what a process other than rank 0 printed to standard error when it was the first to fail. */
  readonly onFailure?: (rank: number, reason: string) => void;
}

/** How long the others have to notice that a process failed, before they are asked to stop. */
const NOTICE_MS = 5000;
/** How much of what the other ranks print is kept, in characters. */
const KEPT = 20_000;

/** A port of this machine that nothing listens at. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/**
 * Starts the processes and waits for all of them. Rank 0 has this process' standard output and error; the others are
 * silent unless they fail first. Each gets its share of the processors (`OMP_NUM_THREADS`) unless that is set. All
 * end when this process ends.
 *
 * @returns exit status of the process that failed first, 1 where a signal ended it, 0 when none failed
 */
export async function launchProcesses(options: LaunchOptions): Promise<number> {
  const { processes, signal } = options;
  const threads = Math.max(1, Math.floor(availableParallelism() / processes));
  const env = {
    ...options.env,
    OMP_NUM_THREADS: options.env.OMP_NUM_THREADS ?? String(threads),
    WORLD_SIZE: String(processes),
    MASTER_ADDR: "127.0.0.1",
    MASTER_PORT: String(await freePort()),
  };
  const children: ChildProcess[] = [];
  const stopAll = (): void => {
    for (const child of children) child.kill("SIGTERM");
  };
  const killAll = (): void => {
    for (const child of children) child.kill("SIGKILL");
  };
  const codes: (number | null)[] = [];
  let first: { readonly rank: number; readonly status: number; readonly reason: string } | undefined;
  let notice: NodeJS.Timeout | undefined;

  const follow = async (rank: number): Promise<void> => {
    const child = spawn(options.command, options.args, {
      env: { ...env, RANK: String(rank), LOCAL_RANK: String(rank) },
      // A process group of its own, so that Ctrl-C reaches it once, from here. The channel tells it when this ends.
      detached: true,
      stdio: ["ignore", rank === 0 ? "inherit" : "ignore", rank === 0 ? "inherit" : "pipe", "ipc"],
    });
    children.push(child);
    let printed = "";
    child.stderr?.on("data", (chunk) => {
      printed = (printed + chunk).slice(-KEPT);
    });
    const [code, endedBy] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    codes[rank] = code;
    if (code === 0 || first !== undefined) return;
    const reason = code === null ? `it was ended by ${endedBy}` : printed.trim().replace(/^error: /, "");
    first = { rank, status: code ?? 1, reason };
    notice = setTimeout(stopAll, NOTICE_MS);
  };

  signal?.addEventListener("abort", stopAll);
  process.once("exit", killAll);
  try {
    await Promise.all(Array.from({ length: processes }, (_, rank) => follow(rank)));
    // Wrong usage is the same for all, and rank 0 has said it.
    const said = first !== undefined && codes[0] === 2 && first.status === 2;
    if (first !== undefined && first.reason !== "" && !said) options.onFailure?.(first.rank, first.reason);
    return first?.status ?? 0;
  } finally {
    clearTimeout(notice);
    signal?.removeEventListener("abort", stopAll);
    process.off("exit", killAll);
  }
}
