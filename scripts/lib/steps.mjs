/**
 * Runs the steps of a set-up one after another, says what each does, how long it usually takes and how much
 * is left, and skips what is done. Plain Node, because it runs before anything is installed.
 */
import { spawn } from "node:child_process";
import { createWriteStream, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root folder. */
export const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

const seconds = (ms) =>
  ms < 90_000 ? `${Math.max(1, Math.round(ms / 1000))} s` : `${Math.round(ms / 60_000)} min`;

/** A step failed; the message is for the user. */
export class StepError extends Error {}

/**
 * @typedef {object} Step
 * @property {string} name what is being done, present participle
 * @property {number} estimateS usual duration in seconds on two cores
 * @property {() => (string | false | Promise<string | false>)} [done] a sentence when nothing is to be done, else false
 * @property {() => Promise<string | void>} run does it; an optional closing remark
 */

const isDone = async (step) => (step.done === undefined ? false : await step.done());

/**
 * Runs the steps in order. Whether a step is done is asked when its turn comes, because earlier steps decide it;
 * the time left is therefore an upper bound.
 *
 * @param {Step[]} steps
 */
export async function runSteps(steps) {
  let leftS = steps.reduce((sum, step) => sum + step.estimateS, 0);
  for (const [i, step] of steps.entries()) {
    const head = `[${i + 1}/${steps.length}] ${step.name}`;
    const done = await isDone(step);
    if (done !== false) {
      console.error(`${head}: ${done}`);
    } else {
      console.error(
        `${head} (usually ${seconds(step.estimateS * 1000)}; at most ${seconds(leftS * 1000)} left)`,
      );
      const start = Date.now();
      const remark = await step.run();
      console.error(`      done in ${seconds(Date.now() - start)}${remark ? `: ${remark}` : ""}`);
    }
    leftS -= step.estimateS;
  }
}

/**
 * @param {Step[]} steps
 * @param {(runs: (() => Promise<string | void>)[]) => Promise<(string | void)[]>} runAll runs what is not done yet
 */
function joined(steps, runAll) {
  return {
    name: steps.map((step) => step.name).join("; "),
    done: async () => {
      const done = await Promise.all(steps.map(isDone));
      return done.includes(false) ? false : done.join("; ");
    },
    run: async () => {
      const remarks = await runAll(
        steps.map((step) => async () => ((await isDone(step)) === false ? await step.run() : undefined)),
      );
      return remarks.filter(Boolean).join("; ");
    },
  };
}

/**
 * Joins steps that do not depend on each other into one that runs them side by side.
 *
 * @param {...Step} steps
 * @returns {Step}
 */
export function together(...steps) {
  const estimateS = Math.max(...steps.map((step) => step.estimateS));
  return { ...joined(steps, (runs) => Promise.all(runs.map((run) => run()))), estimateS };
}

/**
 * Joins steps into one that runs them one after another.
 *
 * @param {...Step} steps
 * @returns {Step}
 */
export function inOrder(...steps) {
  const estimateS = steps.reduce((sum, step) => sum + step.estimateS, 0);
  const runAll = async (runs) => {
    const remarks = [];
    for (const run of runs) remarks.push(await run());
    return remarks;
  };
  return { ...joined(steps, runAll), estimateS };
}

/**
 * Runs a command; its output goes to a log file and is shown only when it fails (or always, with `show`).
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ log?: string, show?: boolean, env?: Record<string, string>, cwd?: string, allowFailure?: boolean }} [options]
 * @returns {Promise<number>} exit status
 */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...options.env };
    const cwd = options.cwd ?? root;
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: options.show ? "inherit" : ["ignore", "pipe", "pipe"],
    });
    const tail = [];
    let file;
    if (!options.show) {
      if (options.log) {
        mkdirSync(join(root, ".cache"), { recursive: true });
        file = createWriteStream(join(root, ".cache", options.log));
      }
      const keep = (chunk) => {
        file?.write(chunk);
        tail.push(chunk.toString());
        if (tail.length > 200) tail.shift();
      };
      child.stdout.on("data", keep);
      child.stderr.on("data", keep);
    }
    const stop = (signal) => child.kill(signal);
    process.once("SIGINT", stop);
    process.once("SIGTERM", stop);
    child.on("error", (error) => reject(new StepError(`cannot run ${command}: ${error.message}`)));
    child.on("close", (code, signal) => {
      process.off("SIGINT", stop);
      process.off("SIGTERM", stop);
      file?.end();
      const status = code ?? (signal === "SIGINT" ? 130 : 1);
      if (status !== 0 && !options.allowFailure) {
        if (!options.show) process.stderr.write(`${tail.join("").split("\n").slice(-40).join("\n")}\n`);
        const error = new StepError(`${[command, ...args].join(" ")} ended with status ${status}`);
        error.status = status;
        reject(error);
      } else resolve(status);
    });
  });
}

/**
 * Runs `main` and turns a failed step into one sentence and exit status 1.
 *
 * @param {() => Promise<void>} main
 */
export async function runMain(main) {
  try {
    await main();
  } catch (error) {
    if (error instanceof StepError) {
      console.error(`error: ${error.message}`);
      process.exit(error.status === 130 ? 130 : 1);
    }
    throw error;
  }
}
