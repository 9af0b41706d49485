/**
 * Typed arrays to a device, as training batches need it.
 *
 * @module
 */
import { guarded, native, type TensorData } from "./native.js";
import { type Device, Tensor, tensor } from "./tensor.js";

/**
 * A tensor with the elements of `data` on `device`. To a GPU it goes through page-locked memory on a stream of its own: the
 * call does not wait for the copy, and the copy does not wait for the work queued before; operators called later do.
 */
export function upload(data: TensorData, shape: readonly number[], device: Device): Tensor {
  const host = tensor(data, shape);
  if (!device.startsWith("cuda")) return host;
  return new Tensor(guarded(() => native().copyToDevice(host.handle, device)));
}
