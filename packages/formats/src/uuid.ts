/**
 * Name-based UUIDs (version 5, RFC 9562 §5.5): the same nucleus of the same image by the same model has the same
 * identity wherever and whenever it is written.
 *
 * @module
 */

/** Namespace of all names made here; a random UUID, fixed for ever. */
const NAMESPACE = Uint8Array.of(
  0x5d,
  0x1e,
  0x9a,
  0x37,
  0x02,
  0xc4,
  0x4f,
  0x6b,
  0x8e,
  0x21,
  0x7a,
  0x90,
  0xd3,
  0x5f,
  0x46,
  0xb8,
);

/**
 * UUID of a key, in the usual form of 36 characters. Different keys give different ids but for chance in 2^122.
 *
 * @example
 * const id = uuidOf(metadata.parameterHash, "slide_07.svs", nucleus.id);
 */
export function uuidOf(...key: readonly (string | number)[]): string {
  const name = new TextEncoder().encode(JSON.stringify(key));
  const message = new Uint8Array(NAMESPACE.length + name.length);
  message.set(NAMESPACE);
  message.set(name, NAMESPACE.length);
  const hash = sha1(message);
  hash[6] = (hash[6]! & 0x0f) | 0x50;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = Array.from(hash.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** SHA-1 of `message` (FIPS 180-4 §6.1), 20 bytes. For names, not for security. */
export function sha1(message: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil((message.length + 9) / 64) * 64);
  padded.set(message);
  padded[message.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - 8, BigInt(message.length) * 8n);
  const state = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0);
  const w = new Int32Array(80);
  for (let block = 0; block < padded.length; block += 64) {
    for (let i = 0; i < 16; i++) w[i] = view.getInt32(block + 4 * i);
    for (let i = 16; i < 80; i++) w[i] = rotateLeft(w[i - 3]! ^ w[i - 8]! ^ w[i - 14]! ^ w[i - 16]!, 1);
    let a = state[0]!;
    let b = state[1]!;
    let c = state[2]!;
    let d = state[3]!;
    let e = state[4]!;
    for (let i = 0; i < 80; i++) {
      let mixed: number;
      if (i < 20) mixed = ((b & c) | (~b & d)) + 0x5a827999;
      else if (i < 40) mixed = (b ^ c ^ d) + 0x6ed9eba1;
      else if (i < 60) mixed = ((b & c) | (b & d) | (c & d)) + (0x8f1bbcdc | 0);
      else mixed = (b ^ c ^ d) + (0xca62c1d6 | 0);
      const next = (rotateLeft(a, 5) + mixed + e + w[i]!) | 0;
      e = d;
      d = c;
      c = rotateLeft(b, 30);
      b = a;
      a = next;
    }
    state[0]! += a;
    state[1]! += b;
    state[2]! += c;
    state[3]! += d;
    state[4]! += e;
  }
  const digest = new DataView(new ArrayBuffer(20));
  for (const [i, value] of state.entries()) digest.setInt32(4 * i, value);
  return new Uint8Array(digest.buffer);
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
