// Tensors from and to typed arrays: one pass over the data, conversion and transfer to the device included.
#pragma once

#include "values.hpp"

namespace renograde {

/** A tensor over the memory of a typed array, valid while the JavaScript call runs. */
inline at::Tensor viewTypedArray(napi_env env, napi_value array, at::IntArrayRef sizes) {
  bool typed = false;
  check(env, napi_is_typedarray(env, array, &typed));
  if (!typed) throw std::runtime_error("expected a typed array");
  napi_typedarray_type type;
  size_t length;
  void* data;
  check(env, napi_get_typedarray_info(env, array, &type, &length, &data, nullptr, nullptr));
  at::ScalarType dtype;
  switch (type) {
    case napi_float32_array: dtype = at::kFloat; break;
    case napi_float64_array: dtype = at::kDouble; break;
    case napi_int32_array: dtype = at::kInt; break;
    case napi_bigint64_array: dtype = at::kLong; break;
    case napi_int16_array: dtype = at::kShort; break;
    case napi_int8_array: dtype = at::kChar; break;
    case napi_uint8_array:
    case napi_uint8_clamped_array: dtype = at::kByte; break;
    default: throw std::runtime_error("libtorch has no element type for this typed array");
  }
  int64_t count = 1;
  for (int64_t size : sizes) {
    if (size < 0) throw std::runtime_error("a shape has no negative sizes");
    count *= size;
  }
  if (static_cast<size_t>(count) != length) {
    std::ostringstream text;
    text << "shape " << sizes << " needs " << count << " values, received " << length;
    throw std::runtime_error(text.str());
  }
  // An empty array has no memory; libtorch still wants a pointer.
  static char none;
  return at::from_blob(length == 0 ? &none : data, sizes, at::TensorOptions().dtype(dtype));
}

/** A new tensor with the array's values; `dtype` and `device` may be null for the array's own and the CPU. */
inline at::Tensor fromTypedArray(
    napi_env env, napi_value array, napi_value shape, napi_value dtype, napi_value device) {
  at::NoGradGuard noGrad;
  const at::Tensor view = viewTypedArray(env, array, toInts(env, shape));
  at::TensorOptions options = view.options();
  if (!isNothing(env, dtype)) options = options.dtype(toDtype(toString(env, dtype)));
  if (!isNothing(env, device)) options = options.device(c10::Device(toString(env, device)));
  return view.to(options, /*non_blocking=*/false, /*copy=*/true);
}

/** Fills a typed array of the same number of values, converting the element type. */
inline void readInto(napi_env env, const at::Tensor& tensor, napi_value array) {
  at::NoGradGuard noGrad;
  viewTypedArray(env, array, tensor.sizes()).copy_(tensor);
}

/** Overwrites a tensor in place with a typed array of the same number of values; no gradient is recorded. */
inline void write(napi_env env, const at::Tensor& tensor, napi_value array) {
  at::NoGradGuard noGrad;
  tensor.copy_(viewTypedArray(env, array, tensor.sizes()));
}

} // namespace renograde
