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

process.exitCode = await main(process.argv.slice(2));
