// JavaScript values to libtorch's IValue, guided by the type an operator's schema states, and back.
#pragma once

#include "handles.hpp"

#include <ATen/ScalarOps.h>
#include <ATen/core/jit_type.h>

#include <array>
#include <cmath>
#include <string>
#include <vector>

namespace renograde {

/** Throws the failure of a Node-API call as a C++ exception. */
inline void check(napi_env env, napi_status status) {
  if (status == napi_ok) return;
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (pending) throw JsPending{};
  const napi_extended_error_info* info = nullptr;
  napi_get_last_error_info(env, &info);
  throw std::runtime_error(info && info->error_message ? info->error_message : "a Node-API call failed");
}

inline napi_valuetype typeOf(napi_env env, napi_value value) {
  napi_valuetype type;
  check(env, napi_typeof(env, value, &type));
  return type;
}

inline bool isNothing(napi_env env, napi_value value) {
  const napi_valuetype type = typeOf(env, value);
  return type == napi_undefined || type == napi_null;
}

inline std::string toString(napi_env env, napi_value value) {
  size_t length = 0;
  check(env, napi_get_value_string_utf8(env, value, nullptr, 0, &length));
  std::string text(length, '\0');
  check(env, napi_get_value_string_utf8(env, value, text.data(), length + 1, &length));
  return text;
}

inline double toDouble(napi_env env, napi_value value) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok) throw std::runtime_error("expected a number");
  return number;
}

inline int64_t toInt(napi_env env, napi_value value) {
  const double number = toDouble(env, value);
  if (std::trunc(number) != number || std::abs(number) > 9007199254740991.0) {
    throw std::runtime_error("expected a whole number, received " + std::to_string(number));
  }
  return static_cast<int64_t>(number);
}

inline bool toBool(napi_env env, napi_value value) {
  bool flag;
  if (napi_get_value_bool(env, value, &flag) != napi_ok) throw std::runtime_error("expected true or false");
  return flag;
}

inline uint64_t toId(napi_env env, napi_value value) {
  uint64_t id;
  bool lossless;
  if (napi_get_value_bigint_uint64(env, value, &id, &lossless) != napi_ok) {
    throw std::runtime_error("expected a tensor");
  }
  return id;
}

/** Calls `visit` with each element of a JavaScript array. */
template <typename Visit>
void eachElement(napi_env env, napi_value array, Visit visit) {
  bool isArray = false;
  check(env, napi_is_array(env, array, &isArray));
  if (!isArray) throw std::runtime_error("expected an array");
  uint32_t length = 0;
  check(env, napi_get_array_length(env, array, &length));
  for (uint32_t i = 0; i < length; i++) {
    napi_value element;
    check(env, napi_get_element(env, array, i, &element));
    visit(element);
  }
}

inline std::vector<int64_t> toInts(napi_env env, napi_value array) {
  std::vector<int64_t> ints;
  eachElement(env, array, [&](napi_value element) { ints.push_back(toInt(env, element)); });
  return ints;
}

inline std::vector<at::Tensor> toTensors(Context& context, napi_env env, napi_value array) {
  std::vector<at::Tensor> tensors;
  eachElement(env, array, [&](napi_value e) { tensors.push_back(context.at(toId(env, e))); });
  return tensors;
}

/** Names of element types; the same words in both directions. */
struct DtypeName {
  const char* name;
  at::ScalarType type;
};
inline constexpr std::array<DtypeName, 10> kDtypes{{
    {"float32", at::kFloat},
    {"float64", at::kDouble},
    {"float16", at::kHalf},
    {"bfloat16", at::kBFloat16},
    {"int64", at::kLong},
    {"int32", at::kInt},
    {"int16", at::kShort},
    {"int8", at::kChar},
    {"uint8", at::kByte},
    {"bool", at::kBool},
}};

inline at::ScalarType toDtype(const std::string& name) {
  for (const auto& dtype : kDtypes) {
    if (name == dtype.name) return dtype.type;
  }
  throw std::runtime_error("unknown dtype \"" + name + "\"");
}

inline std::string dtypeName(at::ScalarType type) {
  for (const auto& dtype : kDtypes) {
    if (type == dtype.type) return dtype.name;
  }
  return c10::toString(type);
}

// Schemas type dtypes, layouts, memory formats and reductions as int.
inline int64_t namedInt(const std::string& name) {
  if (name == "contiguous") return static_cast<int64_t>(at::MemoryFormat::Contiguous);
  if (name == "preserve") return static_cast<int64_t>(at::MemoryFormat::Preserve);
  if (name == "channels_last") return static_cast<int64_t>(at::MemoryFormat::ChannelsLast);
  if (name == "strided") return static_cast<int64_t>(at::Layout::Strided);
  if (name == "none") return 0;
  if (name == "mean") return 1;
  if (name == "sum") return 2;
  return static_cast<int64_t>(toDtype(name));
}

// JavaScript has one kind of number: whole ones become integers, so that they fit tensors of every dtype.
inline at::Scalar toScalar(napi_env env, napi_value value) {
  if (typeOf(env, value) == napi_boolean) return at::Scalar(toBool(env, value));
  const double number = toDouble(env, value);
  const bool whole = std::trunc(number) == number && std::abs(number) <= 9007199254740991.0;
  const bool negativeZero = number == 0 && std::signbit(number);
  return whole && !negativeZero ? at::Scalar(static_cast<int64_t>(number)) : at::Scalar(number);
}

inline at::Tensor toTensor(Context& context, napi_env env, napi_value value) {
  const napi_valuetype type = typeOf(env, value);
  if (type == napi_undefined || type == napi_null) return at::Tensor();
  if (type == napi_number || type == napi_boolean) {
    at::Tensor tensor = at::scalar_to_tensor(toScalar(env, value));
    tensor.unsafeGetTensorImpl()->set_wrapped_number(true);
    return tensor;
  }
  return context.at(toId(env, value));
}

inline c10::IValue toIValue(
    Context& context, napi_env env, napi_value value, const c10::TypePtr& type, c10::optional<int32_t> count) {
  switch (type->kind()) {
    case c10::TypeKind::OptionalType:
      if (isNothing(env, value)) return c10::IValue();
      return toIValue(context, env, value, type->expectRef<c10::OptionalType>().getElementType(), count);
    case c10::TypeKind::TensorType:
      return toTensor(context, env, value);
    case c10::TypeKind::NumberType:
      return toScalar(env, value);
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
      if (typeOf(env, value) == napi_string) return namedInt(toString(env, value));
      return toInt(env, value);
    case c10::TypeKind::FloatType:
      return toDouble(env, value);
    case c10::TypeKind::BoolType:
      return toBool(env, value);
    case c10::TypeKind::StringType:
      return toString(env, value);
    case c10::TypeKind::DeviceObjType:
      return c10::Device(toString(env, value));
    case c10::TypeKind::GeneratorType:
      if (isNothing(env, value)) return c10::IValue();
      throw std::runtime_error("a generator cannot be passed; use the manual seed");
    case c10::TypeKind::ListType:
      break;
    default:
      throw std::runtime_error("arguments of type " + type->str() + " are not supported");
  }
  const c10::TypePtr& element = type->expectRef<c10::ListType>().getElementType();
  switch (element->kind()) {
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
      if (typeOf(env, value) == napi_number) {
        return std::vector<int64_t>(static_cast<size_t>(count.value_or(1)), toInt(env, value));
      }
      return toInts(env, value);
    case c10::TypeKind::TensorType:
      return toTensors(context, env, value);
    default: {
      c10::impl::GenericList list(element);
      eachElement(env, value, [&](napi_value e) {
        list.push_back(toIValue(context, env, e, element, c10::nullopt));
      });
      return list;
    }
  }
}

inline napi_value nothing(napi_env env) {
  napi_value value;
  check(env, napi_get_null(env, &value));
  return value;
}

inline napi_value fromDouble(napi_env env, double number) {
  napi_value value;
  check(env, napi_create_double(env, number, &value));
  return value;
}

inline napi_value fromBool(napi_env env, bool flag) {
  napi_value value;
  check(env, napi_get_boolean(env, flag, &value));
  return value;
}

inline napi_value fromString(napi_env env, const std::string& text) {
  napi_value value;
  check(env, napi_create_string_utf8(env, text.data(), text.size(), &value));
  return value;
}

/** A new handle; null for an undefined tensor. */
inline napi_value fromTensor(Context& context, napi_env env, const at::Tensor& tensor) {
  if (!tensor.defined()) return nothing(env);
  napi_value value;
  check(env, napi_create_bigint_uint64(env, context.add(tensor), &value));
  return value;
}

/** A JavaScript array of `count` elements made by `make(i)`. */
template <typename Make>
napi_value makeArray(napi_env env, size_t count, Make make) {
  napi_value array;
  check(env, napi_create_array_with_length(env, count, &array));
  for (size_t i = 0; i < count; i++) {
    check(env, napi_set_element(env, array, static_cast<uint32_t>(i), make(i)));
  }
  return array;
}

inline napi_value fromScalar(napi_env env, const at::Scalar& scalar) {
  if (scalar.isBoolean()) return fromBool(env, scalar.toBool());
  return fromDouble(env, scalar.toDouble());
}

inline napi_value fromIValue(Context& context, napi_env env, const c10::IValue& value) {
  if (value.isTensor()) return fromTensor(context, env, value.toTensor());
  if (value.isNone()) return nothing(env);
  if (value.isBool()) return fromBool(env, value.toBool());
  if (value.isScalar()) return fromScalar(env, value.toScalar());
  if (value.isString()) return fromString(env, value.toStringRef());
  if (value.isDevice()) return fromString(env, value.toDevice().str());
  if (value.isList()) {
    const c10::List<c10::IValue> list = value.toList();
    return makeArray(env, list.size(), [&](size_t i) { return fromIValue(context, env, list.get(i)); });
  }
  if (value.isTuple()) {
    const auto& elements = value.toTupleRef().elements();
    return makeArray(env, elements.size(), [&](size_t i) { return fromIValue(context, env, elements[i]); });
  }
  throw std::runtime_error("results of type " + value.tagKind() + " are not supported");
}

} // namespace renograde
