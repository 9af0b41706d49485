/**
 * What every reader of files must stand: any truncation and any changed byte gives a FileFormatError that names the
 * file, or a result; nothing else is thrown.
 *
 * @module
 */
import { isRenogradeError } from "@renograde/core";
import fc from "fast-check";

type Parse = (bytes: Uint8Array, path: string) => unknown;

const PATH = "damaged.file";

/** Parses; returns whether it was refused, and rethrows every other error. */
function isRefused(parse: Parse, bytes: Uint8Array, what: string): boolean {
  try {
    parse(bytes, PATH);
    return false;
  } catch (error) {
    if (isRenogradeError(error, "FileFormatError") && error.message.startsWith(PATH)) return true;
    throw new Error(`${what}: expected a FileFormatError naming the file, received ${String(error)}`, {
      cause: error,
    });
  }
}

/** Cuts the file at every byte; returns the lengths below the whole that were accepted. */
export function acceptedTruncations(parse: Parse, bytes: Uint8Array): number[] {
  const accepted: number[] = [];
  for (let length = 0; length < bytes.length; length++) {
    if (!isRefused(parse, bytes.slice(0, length), `cut to ${length} of ${bytes.length} bytes`))
      accepted.push(length);
  }
  return accepted;
}

/** Sets one to three bytes to arbitrary values; throws when anything but a FileFormatError comes of it. */
export function assertFlipsAreHandled(parse: Parse, bytes: Uint8Array, numRuns = 500): void {
  const change = fc.record({ at: fc.nat(bytes.length - 1), to: fc.nat(255) });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const damaged = bytes.slice();
      for (const { at, to } of changes) damaged[at] = to;
      isRefused(parse, damaged, `with ${JSON.stringify(changes)}`);
    }),
    { seed: 20210927, numRuns },
  );
}
