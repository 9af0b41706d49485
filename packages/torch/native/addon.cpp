// The Node-API addon: libtorch for TypeScript. Operators are reached generically (operators.hpp), so this file only
// lists what is no operator: handles, scopes, typed arrays, autograd, threads, memory and process groups. All parts are headers of
// this one translation unit, because reading libtorch's own headers is most of the compilation.
#include "allocator.hpp"
#include "arrays.hpp"
#include "batch-norm.hpp"
#include "distributed.hpp"
#include "handles.hpp"
#include "operators.hpp"
#include "transfer.hpp"
#include "values.hpp"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/csrc/autograd/autograd.h>

namespace renograde {
namespace {

/** The arguments of one call; missing ones are undefined. */
struct Call {
  napi_env env;
  Context& context;
  std::array<napi_value, 6> arguments;

  napi_value operator[](size_t i) const { return arguments[i]; }
  const at::Tensor& tensor(size_t i) const { return context.at(toId(env, arguments[i])); }
  napi_value undefined() const {
    napi_value value;
    check(env, napi_get_undefined(env, &value));
    return value;
  }
};

/** Wraps a function for Node: fetches arguments and turns C++ exceptions into JavaScript errors. */
template <napi_value (*Function)(const Call&)>
napi_value entry(napi_env env, napi_callback_info info) {
  try {
    void* data = nullptr;
    check(env, napi_get_instance_data(env, &data));
    std::array<napi_value, 6> arguments;
    size_t count = arguments.size();
    check(env, napi_get_cb_info(env, info, &count, arguments.data(), nullptr, nullptr));
    return Function(Call{env, *static_cast<Context*>(data), arguments});
  } catch (const JsPending&) {
  } catch (const std::exception& error) {
    napi_throw_error(env, isOutOfMemory(error) ? "OUT_OF_MEMORY" : "LIBTORCH", oneSentence(error).c_str());
  }
  return nullptr;
}

// Operators.
napi_value op(const Call& call) {
  return fromDouble(
      call.env,
      static_cast<double>(findOperator(call.context, toString(call.env, call[0]), toString(call.env, call[1]))));
}
napi_value callOp(const Call& call) {
  const auto index = static_cast<size_t>(toInt(call.env, call[0]));
  return callOperator(call.context, call.env, index, call[1], call[2]);
}

// Handles and scopes.
napi_value release(const Call& call) {
  call.context.release(toId(call.env, call[0]));
  return call.undefined();
}
napi_value keep(const Call& call) {
  call.context.keep(toId(call.env, call[0]));
  return call.undefined();
}
napi_value beginScope(const Call& call) {
  call.context.beginScope();
  return call.undefined();
}
napi_value endScope(const Call& call) {
  std::vector<uint64_t> kept;
  eachElement(call.env, call[0], [&](napi_value e) { kept.push_back(toId(call.env, e)); });
  call.context.endScope(kept);
  return call.undefined();
}

// Tensors.
napi_value copyToDevice(const Call& call) {
  const at::Tensor copy = copyBeside(call.tensor(0), c10::Device(toString(call.env, call[1])));
  return fromTensor(call.context, call.env, copy);
}
napi_value fromArray(const Call& call) {
  const at::Tensor tensor = fromTypedArray(call.env, call[0], call[1], call[2], call[3]);
  return fromTensor(call.context, call.env, tensor);
}
napi_value read(const Call& call) {
  readInto(call.env, call.tensor(0), call[1]);
  return call.undefined();
}
napi_value writeArray(const Call& call) {
  write(call.env, call.tensor(0), call[1]);
  return call.undefined();
}
napi_value shape(const Call& call) {
  const auto sizes = call.tensor(0).sizes();
  return makeArray(call.env, sizes.size(), [&](size_t i) {
    return fromDouble(call.env, static_cast<double>(sizes[i]));
  });
}
napi_value dtype(const Call& call) {
  return fromString(call.env, dtypeName(call.tensor(0).scalar_type()));
}
napi_value device(const Call& call) { return fromString(call.env, call.tensor(0).device().str()); }
napi_value item(const Call& call) { return fromScalar(call.env, call.tensor(0).item()); }

// Autograd.
napi_value requiresGrad(const Call& call) {
  const at::Tensor& tensor = call.tensor(0);
  if (typeOf(call.env, call[1]) != napi_undefined) tensor.set_requires_grad(toBool(call.env, call[1]));
  return fromBool(call.env, tensor.requires_grad());
}
napi_value gradOf(const Call& call) { return fromTensor(call.context, call.env, call.tensor(0).grad()); }
napi_value setGrad(const Call& call) {
  call.tensor(0).mutable_grad() = isNothing(call.env, call[1]) ? at::Tensor() : call.tensor(1);
  return call.undefined();
}
napi_value backward(const Call& call) {
  std::vector<at::Tensor> seed;
  if (!isNothing(call.env, call[1])) seed.push_back(call.tensor(1));
  torch::autograd::backward({call.tensor(0)}, seed, toBool(call.env, call[2]));
  return call.undefined();
}
napi_value gradients(const Call& call) {
  std::vector<at::Tensor> seeds;
  if (!isNothing(call.env, call[2])) seeds = toTensors(call.context, call.env, call[2]);
  const auto outputs = toTensors(call.context, call.env, call[0]);
  const auto inputs = toTensors(call.context, call.env, call[1]);
  const bool retain = toBool(call.env, call[3]);
  const auto result =
      torch::autograd::grad(outputs, inputs, seeds, retain, /*create_graph=*/false, /*allow_unused=*/true);
  return makeArray(call.env, result.size(), [&](size_t i) {
    return fromTensor(call.context, call.env, result[i]);
  });
}
napi_value gradEnabled(const Call& call) {
  const bool before = at::GradMode::is_enabled();
  if (typeOf(call.env, call[0]) != napi_undefined) at::GradMode::set_enabled(toBool(call.env, call[0]));
  return fromBool(call.env, before);
}

// The library.
napi_value threads(const Call& call) {
  if (typeOf(call.env, call[0]) != napi_undefined) {
    at::set_num_threads(static_cast<int>(toInt(call.env, call[0])));
  }
  return fromDouble(call.env, at::get_num_threads());
}
napi_value manualSeed(const Call& call) {
  at::manual_seed(static_cast<uint64_t>(toInt(call.env, call[0])));
  return call.undefined();
}
/** Switches of the global context: deterministic algorithms, search for the fastest ones, TensorFloat-32. */
napi_value algorithms(const Call& call) {
  auto& context = at::globalContext();
  const bool deterministic = toBool(call.env, call[0]);
  const bool tf32 = toBool(call.env, call[1]);
  context.setDeterministicCuDNN(deterministic);
  context.setDeterministicAlgorithms(deterministic, /*warn_only=*/false);
  context.setBenchmarkCuDNN(!deterministic);
  context.setAllowTF32CuDNN(tf32);
  context.setAllowTF32CuBLAS(tf32);
  return call.undefined();
}
napi_value memory(const Call& call) {
  const MemoryStats stats = CachingAllocator::get().stats();
  const std::array<std::pair<const char*, double>, 7> fields{{
      {"allocated", static_cast<double>(stats.allocated)},
      {"cached", static_cast<double>(stats.cached)},
      {"peak", static_cast<double>(stats.peak)},
      {"limit", static_cast<double>(stats.limit)},
      {"bound", stats.bound == SIZE_MAX ? std::numeric_limits<double>::infinity() : static_cast<double>(stats.bound)},
      {"handles", static_cast<double>(call.context.liveHandles())},
      {"scopes", static_cast<double>(call.context.scopeDepth())},
  }};
  napi_value object;
  check(call.env, napi_create_object(call.env, &object));
  for (const auto& [name, value] : fields) {
    check(call.env, napi_set_named_property(call.env, object, name, fromDouble(call.env, value)));
  }
  return object;
}
napi_value resetPeak(const Call& call) {
  CachingAllocator::get().resetPeak();
  return call.undefined();
}
napi_value emptyCache(const Call& call) {
  CachingAllocator::get().emptyCache();
  return call.undefined();
}
napi_value setMemoryLimit(const Call& call) {
  CachingAllocator::get().setLimit(static_cast<size_t>(toInt(call.env, call[0])));
  return call.undefined();
}
/** null: no bound. */
napi_value setMemoryBound(const Call& call) {
  const bool none = isNothing(call.env, call[0]);
  CachingAllocator::get().setBound(none ? SIZE_MAX : static_cast<size_t>(toInt(call.env, call[0])));
  return call.undefined();
}
napi_value cudaDevices(const Call& call) {
  const int count = at::hasCUDA() ? c10::impl::getDeviceGuardImpl(c10::DeviceType::CUDA)->deviceCount() : 0;
  return fromDouble(call.env, count);
}
napi_value version(const Call& call) { return fromString(call.env, TORCH_VERSION); }
napi_value config(const Call& call) { return fromString(call.env, at::show_config()); }

// Several processes.
napi_value c10dBackends(const Call& call) {
  std::vector<std::string> names;
#ifdef USE_C10D_GLOO
  names.push_back("gloo");
#endif
#ifdef USE_C10D_NCCL
  names.push_back("nccl");
#endif
  return makeArray(call.env, names.size(), [&](size_t i) { return fromString(call.env, names[i]); });
}

#ifdef USE_C10D_GLOO
Distributed& distributed(const Call& call) { return Distributed::of(call.context); }
Group& group(const Call& call) { return distributed(call).at<Group>(toInt(call.env, call[0])); }
StorePointer& store(const Call& call) { return distributed(call).at<StorePointer>(toInt(call.env, call[0])); }
GradientReducer& reducer(const Call& call) {
  return *distributed(call).at<std::shared_ptr<GradientReducer>>(toInt(call.env, call[0]));
}

napi_value storeOpen(const Call& call) {
  const Milliseconds timeout(toInt(call.env, call[3]));
  auto store = openStore(toString(call.env, call[0]), toInt(call.env, call[1]), toBool(call.env, call[2]), timeout);
  return fromDouble(call.env, distributed(call).add(std::move(store)));
}
napi_value storeSet(const Call& call) {
  const std::string value = toString(call.env, call[2]);
  store(call)->set(toString(call.env, call[1]), std::vector<uint8_t>(value.begin(), value.end()));
  return call.undefined();
}
napi_value storeGet(const Call& call) {
  const std::string key = toString(call.env, call[1]);
  if (!store(call)->check({key})) return nothing(call.env);
  const std::vector<uint8_t> value = store(call)->get(key);
  return fromString(call.env, std::string(value.begin(), value.end()));
}
napi_value groupOpen(const Call& call) {
  const std::string name = toString(call.env, call[1]);
  const auto rank = static_cast<int>(toInt(call.env, call[2]));
  const auto size = static_cast<int>(toInt(call.env, call[3]));
  const Milliseconds timeout(toInt(call.env, call[4]));
#ifdef USE_C10D_NCCL
  if (name == "nccl") {
    return fromDouble(call.env, distributed(call).add(openNccl(store(call), rank, size, timeout)));
  }
#endif
  Group opened = openGloo(store(call), name, rank, size, timeout, toString(call.env, call[5]));
  return fromDouble(call.env, distributed(call).add(std::move(opened)));
}
napi_value groupSum(const Call& call) {
  const at::Tensor tensor = call.tensor(1).detach();
  if (!group(call).reachable(tensor).is_same(tensor)) {
    throw std::runtime_error("Gloo sums tensors in main memory, this one is on " + tensor.device().str());
  }
  return fromDouble(call.env, distributed(call).add(group(call).sum(tensor)));
}
napi_value workDone(const Call& call) {
  return fromBool(call.env, distributed(call).at<WorkPointer>(toInt(call.env, call[0]))->isCompleted());
}
napi_value workWait(const Call& call) {
  const int64_t id = toInt(call.env, call[0]);
  const WorkPointer work = distributed(call).at<WorkPointer>(id);
  distributed(call).remove(id);
  work->wait();
  return call.undefined();
}
napi_value groupBroadcast(const Call& call) {
  broadcast(group(call), call.tensor(1), toInt(call.env, call[2]));
  return call.undefined();
}
napi_value groupGather(const Call& call) {
  const auto tensors = gather(group(call), call.tensor(1));
  return makeArray(call.env, tensors.size(), [&](size_t i) {
    return fromTensor(call.context, call.env, tensors[i]);
  });
}
napi_value groupBarrier(const Call& call) {
  group(call).backend->barrier()->wait();
  return call.undefined();
}
napi_value reducerOpen(const Call& call) {
  const auto parameters = toTensors(call.context, call.env, call[1]);
  auto reducer = GradientReducer::create(group(call), parameters, toInt(call.env, call[2]));
  return fromDouble(call.env, distributed(call).add(std::move(reducer)));
}
napi_value reducerArm(const Call& call) {
  reducer(call).arm();
  return call.undefined();
}
napi_value reducerFinish(const Call& call) {
  reducer(call).finish();
  return makeArray(call.env, 2, [&](size_t i) {
    const size_t count = i == 0 ? reducer(call).buckets() : reducer(call).overlapped();
    return fromDouble(call.env, static_cast<double>(count));
  });
}
napi_value closeDistributed(const Call& call) {
  distributed(call).remove(toInt(call.env, call[0]));
  return call.undefined();
}
#endif

struct Function {
  const char* name;
  napi_callback call;
};

constexpr Function kFunctions[] = {
    {"op", entry<op>},
    {"call", entry<callOp>},
    {"release", entry<release>},
    {"keep", entry<keep>},
    {"beginScope", entry<beginScope>},
    {"endScope", entry<endScope>},
    {"fromArray", entry<fromArray>},
    {"copyToDevice", entry<copyToDevice>},
    {"read", entry<read>},
    {"write", entry<writeArray>},
    {"shape", entry<shape>},
    {"dtype", entry<dtype>},
    {"device", entry<device>},
    {"item", entry<item>},
    {"requiresGrad", entry<requiresGrad>},
    {"gradOf", entry<gradOf>},
    {"setGrad", entry<setGrad>},
    {"backward", entry<backward>},
    {"grad", entry<gradients>},
    {"gradEnabled", entry<gradEnabled>},
    {"threads", entry<threads>},
    {"manualSeed", entry<manualSeed>},
    {"algorithms", entry<algorithms>},
    {"memory", entry<memory>},
    {"resetPeak", entry<resetPeak>},
    {"emptyCache", entry<emptyCache>},
    {"setMemoryLimit", entry<setMemoryLimit>},
    {"setMemoryBound", entry<setMemoryBound>},
    {"cudaDevices", entry<cudaDevices>},
    {"version", entry<version>},
    {"config", entry<config>},
    {"c10dBackends", entry<c10dBackends>},
#ifdef USE_C10D_GLOO
    {"storeOpen", entry<storeOpen>},
    {"storeSet", entry<storeSet>},
    {"storeGet", entry<storeGet>},
    {"groupOpen", entry<groupOpen>},
    {"groupSum", entry<groupSum>},
    {"workDone", entry<workDone>},
    {"workWait", entry<workWait>},
    {"groupBroadcast", entry<groupBroadcast>},
    {"groupGather", entry<groupGather>},
    {"groupBarrier", entry<groupBarrier>},
    {"reducerOpen", entry<reducerOpen>},
    {"reducerArm", entry<reducerArm>},
    {"reducerFinish", entry<reducerFinish>},
    {"closeDistributed", entry<closeDistributed>},
#endif
};

napi_value initialise(napi_env env, napi_value exports) {
  CachingAllocator::install();
  napi_set_instance_data(
      env, new Context(env), [](napi_env, void* data, void*) { delete static_cast<Context*>(data); }, nullptr);
  for (const Function& function : kFunctions) {
    napi_value value;
    napi_create_function(env, function.name, NAPI_AUTO_LENGTH, function.call, nullptr, &value);
    napi_set_named_property(env, exports, function.name, value);
  }
  return exports;
}

} // namespace
} // namespace renograde

NAPI_MODULE_INIT() { return renograde::initialise(env, exports); }
