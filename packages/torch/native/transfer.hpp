// Copies to a GPU that run beside the work already queued there.
#pragma once

#include <ATen/ATen.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace renograde {

/**
 * A tensor on a GPU with the values of one in main memory. The copy goes through page-locked memory on a stream of its
 * own; work that is queued from now on waits for it, this thread and earlier work do not.
 */
inline at::Tensor copyBeside(const at::Tensor& host, c10::Device device) {
  at::NoGradGuard noGrad;
  const c10::impl::VirtualGuardImpl backend(device.type());
  if (!device.has_index()) device = backend.getDevice();
  const c10::Stream work = backend.getStream(device);
  const c10::Stream copies = backend.getStreamFromGlobalPool(device);
  at::Tensor result;
  {
    const c10::StreamGuard guard(copies);
    result = host.pin_memory().to(device, /*non_blocking=*/true);
  }
  c10::Event copied(device.type());
  copied.record(copies);
  copied.block(work);
  // Its memory is the copying stream's: not to be given away before the work is done.
  result.record_stream(work);
  return result;
}

} // namespace renograde
