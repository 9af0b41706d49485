/**
 * Keeps the network's maps of many images for the search: in memory that threads share, and beyond a limit in a
 * temporary folder.
 *
 * @module
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TypedLabels } from "@renograde/core";
import { readFileBytes, toFileAccessError } from "@renograde/slides/node";
import type { TuneSample } from "../tune/score-candidates.js";

/** A sample as it can be posted to a thread without copying its pixels. */
export interface StoredSample {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** Shared memory, or a file of raw float32. */
  readonly maps: Float32Array | string;
  /** Labels in shared memory. */
  readonly truth: TypedLabels;
}

/** Samples in the order they came. */
export interface SampleStore {
  readonly samples: readonly StoredSample[];
  /** How many of them lie in files. */
  readonly filed: number;
  /** @throws FileAccessError when the temporary folder is full */
  add(sample: TuneSample): Promise<void>;
  /** Removes the temporary folder. */
  close(): Promise<void>;
}

/** Opens an empty store. @param limitBytes - of maps in memory */
export function openSampleStore(limitBytes: number): SampleStore {
  const samples: StoredSample[] = [];
  let used = 0;
  let filed = 0;
  let folder: string | undefined;
  const file = async (data: Float32Array): Promise<string> => {
    try {
      folder ??= await mkdtemp(join(tmpdir(), "renograde-tune-"));
      const path = join(folder, `${filed++}.f32`);
      await writeFile(path, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      return path;
    } catch (cause) {
      throw toFileAccessError(folder ?? tmpdir(), cause);
    }
  };
  return {
    samples,
    get filed() {
      return filed;
    },
    async add({ maps, truth }) {
      const { width, height, channels, data } = maps;
      const inMemory = used + data.byteLength <= limitBytes;
      if (inMemory) used += data.byteLength;
      samples.push({
        width,
        height,
        channels,
        maps: inMemory ? shareFloats(data) : await file(data),
        truth: { labels: { ...truth.labels, data: shareInts(truth.labels.data) }, types: truth.types },
      });
    },
    async close() {
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Reads a stored sample back. @throws FileAccessError when its file is gone */
export async function readStoredSample(stored: StoredSample): Promise<TuneSample> {
  const { width, height, channels, maps, truth } = stored;
  let data: Float32Array;
  if (typeof maps === "string") {
    data = new Float32Array(width * height * channels);
    new Uint8Array(data.buffer).set(await readFileBytes(maps));
  } else data = maps;
  return { maps: { width, height, channels, data }, truth };
}

function shareFloats(data: Float32Array): Float32Array {
  const shared = new Float32Array(new SharedArrayBuffer(data.byteLength));
  shared.set(data);
  return shared;
}

function shareInts(data: Int32Array): Int32Array {
  const shared = new Int32Array(new SharedArrayBuffer(data.byteLength));
  shared.set(data);
  return shared;
}
