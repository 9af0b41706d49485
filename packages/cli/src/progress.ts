/**
 * Progress on standard error: one bar with rate and remaining time on a terminal, a plain line now and then
 * elsewhere (docs: the terminal part of the visual language).
 *
 * @module
 */

import pico from "picocolors";

/** One running stage. */
export interface Stage {
  /**
   * Says how far the stage is, in its own units, with an optional short note.
   *
   * @param leftS - seconds left, where the caller knows better than the mean rate so far
   */
  update(done: number, total: number, note?: string, leftS?: number): void;
  /** Closes the stage with one line. */
  end(text?: string): void;
}

/** Where stages and messages go. */
export interface Progress {
  /** @param from - units that were done before the stage began; they do not count for its rate */
  stage(name: string, unit: string, from?: number): Stage;
  /** One line about something done. */
  info(text: string): void;
  warn(text: string): void;
  /** One sentence about what failed. */
  error(text: string): void;
}

/** Text without control characters other than line breaks: names of files may hold any. */
export function printable(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, "\ufffd");
}

/** Breaks lines at spaces so that they fit into `columns`; what goes on is indented by `indent` spaces. */
export function wrap(text: string, columns: number, indent = 0): string {
  return text
    .split("\n")
    .map((line) => {
      const lines: string[] = [];
      let rest = line;
      while (rest.length > columns) {
        let at = rest.lastIndexOf(" ", columns);
        if (at <= indent) at = rest.indexOf(" ", columns);
        if (at < 0) break;
        lines.push(rest.slice(0, at));
        rest = " ".repeat(indent) + rest.slice(at + 1);
      }
      return [...lines, rest].join("\n");
    })
    .join("\n");
}

/** `1 image`, `2 images`. */
export function counted(count: number, unit: string): string {
  return `${count.toLocaleString("en-US")} ${unit}${count === 1 ? "" : "s"}`;
}

/** `75 s` as people read it: `1 min 15 s`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

const WIDTH = 28;

/** What the command needs of a stream; `process.stderr` fits. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/**
 * Creates the progress display.
 *
 * @param stream - usually `process.stderr`
 * @param now - clock in milliseconds
 */
export function createProgress(
  stream: ProgressStream,
  now: () => number = () => performance.now(),
): Progress {
  const tty = stream.isTTY === true;
  const { red, yellow } = pico.createColors(tty && !process.env.NO_COLOR);
  let open = false;
  const clear = (): void => {
    if (open) stream.write("\r\u001b[2K");
    open = false;
  };
  const line = (text: string): void => {
    clear();
    const clean = printable(text);
    stream.write(`${tty ? wrap(clean, stream.columns ?? 100, 2) : clean}\n`);
  };
  const labelled = (label: string, color: (text: string) => string, text: string): void => {
    clear();
    const clean = printable(`${label}: ${text}`);
    const wrapped = tty ? wrap(clean, stream.columns ?? 100, 2) : clean;
    stream.write(`${color(`${label}:`)}${wrapped.slice(label.length + 1)}\n`);
  };
  return {
    info: line,
    warn: (text) => labelled("warning", yellow, text),
    error: (text) => labelled("error", red, text),
    stage(name, unit, from = 0) {
      const start = now();
      let lastShown = tty ? Number.NEGATIVE_INFINITY : start;
      let latest = "";
      return {
        update(done, total, note, leftS) {
          const time = now();
          const elapsed = (time - start) / 1000;
          const rate = elapsed > 0 ? (done - from) / elapsed : 0;
          const seconds = leftS ?? (rate > 0 ? (total - done) / rate : undefined);
          const left = seconds !== undefined && done < total ? `, ${formatDuration(seconds)} left` : "";
          const speed =
            rate === 0
              ? ""
              : rate >= 1
                ? ` · ${rate.toFixed(1)} ${unit}/s`
                : ` · ${(1 / rate).toFixed(1)} s/${unit.replace(/s$/, "")}`;
          latest = `${done}/${total} ${unit}${speed}`;
          if (time - lastShown < (tty ? 100 : 10_000) && done < total) return;
          lastShown = time;
          const text = `${latest}${left}${note === undefined ? "" : `  ${note}`}`;
          if (!tty) {
            if (done < total) line(`${name}: ${text}`);
            return;
          }
          const filled = total > 0 ? Math.round((WIDTH * Math.min(done, total)) / total) : 0;
          const bar = `${"━".repeat(filled)}${"─".repeat(WIDTH - filled)}`;
          stream.write(
            `\r\u001b[2K${printable(`${name} ${bar} ${text}`).slice(0, (stream.columns ?? 100) - 1)}`,
          );
          open = true;
        },
        end(text) {
          line(`${name}: ${text ?? latest} (${formatDuration((now() - start) / 1000)})`);
        },
      };
    },
  };
}
