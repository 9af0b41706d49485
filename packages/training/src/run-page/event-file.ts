/**
 * TensorBoard event files of a run: one per session. A resumed session opens with a mark that takes back what an
 * earlier one told of the steps it repeats, so that nothing is told twice.
 *
 * @module
 */
import { appendFile, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { encodeTfEvent, type TfSummaryValue, tfVersionEvent } from "@renograde/formats";
import { toFileAccessError } from "@renograde/slides/node";
import type { LogRecord } from "../loop/run-log.js";

const PREFIX = "events.out.tfevents.";

/** An event file that grows. */
export interface EventFile {
  readonly path: string;
  /** Appends what belongs to a step. @throws FileAccessError */
  add(step: number, values: readonly TfSummaryValue[]): Promise<void>;
}

/** Names of the event files in a run folder, in the order of their sessions. */
export async function listEventFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => name.startsWith(PREFIX)).sort();
}

/**
 * Opens the event file of a session.
 *
 * @param firstStep - the first step it may tell of; TensorBoard drops this and later ones of earlier sessions
 * @throws FileAccessError
 */
export async function openEventFile(folder: string, firstStep: number): Promise<EventFile> {
  const now = () => Date.now() / 1000;
  const session = (await listEventFiles(folder)).length;
  // Readers take files in the order of their names: by time, and by number within a second.
  const time = `${Math.floor(now())}`.padStart(10, "0");
  const path = join(folder, `${PREFIX}${time}.renograde.${`${session}`.padStart(3, "0")}`);
  const append = async (bytes: Uint8Array): Promise<void> => {
    try {
      await appendFile(path, bytes);
    } catch (cause) {
      throw toFileAccessError(path, cause);
    }
  };
  await mkdir(folder, { recursive: true });
  await append(encodeTfEvent(tfVersionEvent(now())));
  await append(encodeTfEvent({ wallTime: now(), step: firstStep, content: { kind: "start" } }));
  return {
    path,
    add: (step, values) =>
      values.length === 0
        ? Promise.resolve()
        : append(encodeTfEvent({ wallTime: now(), step, content: { kind: "values", values } })),
  };
}

function numbersOf(prefix: string, record: unknown): TfSummaryValue[] {
  return Object.entries((record ?? {}) as Record<string, unknown>).flatMap(([name, scalar]) =>
    typeof scalar === "number" ? [{ tag: `${prefix}${name}`, scalar }] : [],
  );
}

/** The scalars of a line of the log: `loss/…`, `lr`, `time/…` of steps, `epoch/…` and `valid/…` of epochs. */
export function recordScalars(record: LogRecord): TfSummaryValue[] {
  const losses = record.losses as { total?: number; terms?: object } | undefined;
  const { lr, stepMs, waitShare } = record;
  if (record.kind === "steps") {
    return [
      ...numbersOf("loss/", { total: losses?.total, ...losses?.terms }),
      ...numbersOf("", { lr }),
      ...numbersOf("time/", { step_ms: stepMs, wait_share: waitShare }),
    ];
  }
  if (record.kind !== "epoch") return [];
  const scores = Object.entries((record.scores ?? {}) as Record<string, number>);
  return [
    ...numbersOf("epoch/", { epoch: record.epoch, loss: losses?.total }),
    ...numbersOf("valid/", Object.fromEntries(scores.map(([name, v]) => [name.replace(/^valid_/, ""), v]))),
  ];
}
