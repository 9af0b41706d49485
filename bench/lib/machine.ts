/**
 * What benchmarks share: the machine in words, its multiply-add peak, a Python process that takes turns, statistics
 * and the place of results.
 *
 * @module
 */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const bench = fileURLToPath(new URL("../", import.meta.url));

/** Processor, memory and versions, one line. */
export function describeMachine(): string {
  const [cpu] = cpus();
  const gib = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} x ${cpu?.model.trim() ?? "unknown processor"}, ${gib} GiB, Linux ${release()}, Node ${process.version}`;
}

/** fp32 multiply-adds per second on registers, in GMAC/s, as wide as the processor allows; needs a C++ compiler. */
export function multiplyAddPeak(threads: number): number {
  const program = join(tmpdir(), `renograde-fma-${process.pid}`);
  execFileSync("c++", ["-O2", "-march=native", "-pthread", join(bench, "lib/fma-peak.cc"), "-o", program]);
  try {
    const output = execFileSync(program, [`${threads}`], { encoding: "utf8" });
    return (JSON.parse(output) as { gmacPerSecond: number }).gmacPerSecond;
  } finally {
    rmSync(program);
  }
}

/** Middle value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** `median (min – max)`. */
export function spread(values: readonly number[], digits: number): string {
  const text = (v: number): string => v.toFixed(digits);
  return `${text(median(values))} (${text(Math.min(...values))} – ${text(Math.max(...values))})`;
}

/** A Python script that answers each line with one line of JSON, so that both sides take turns in one run. */
export interface PythonPeer {
  ask<Answer>(request: unknown): Promise<Answer>;
  close(): void;
}

/** Starts a script of `bench/`; the interpreter is `RENOGRADE_PYTHON`, else the system's. */
export function startPython(
  script: string,
  args: readonly string[],
  env: Record<string, string> = {},
): PythonPeer {
  const python = process.env.RENOGRADE_PYTHON ?? "/usr/bin/python3";
  const child: ChildProcessWithoutNullStreams = spawn(python, [join(bench, script), ...args], {
    env: { ...process.env, ...env },
  });
  child.stderr.pipe(process.stderr);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask<Answer>(request: unknown): Promise<Answer> {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const line = await lines.next();
      if (line.done === true) throw new Error(`${script} ended without an answer`);
      return JSON.parse(line.value) as Answer;
    },
    close: () => child.kill(),
  };
}

/** Lets the other side's spinning threads come to rest. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 300));
}

/** Writes `bench/results/<name>.md` and prints it. */
export function writeResult(name: string, text: string): void {
  mkdirSync(join(bench, "results"), { recursive: true });
  writeFileSync(join(bench, "results", `${name}.md`), text);
  console.log(text);
}
