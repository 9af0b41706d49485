/**
 * @module
 * The command as a library: parses a command line, runs it, returns the exit status.
 */
export type { Streams } from "./context.js";
export { main } from "./program.js";
