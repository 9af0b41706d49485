#!/usr/bin/env node
/**
 * Entry of the `renograde` command.
 *
 * @module
 */
import { main } from "./program.js";

// A reader that closes early (`renograde … | head`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

if (process.connected) {
  // Started by `train --processes`: ends with it.
  process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
  process.channel?.unref();
}

process.exitCode = await main(process.argv.slice(2));
