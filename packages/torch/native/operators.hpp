// The generic call: any operator libtorch has registered, by the name in its schema, through the boxed dispatcher.
#pragma once

#include "values.hpp"

#include <new>
#include <sstream>

namespace renograde {

/** The first paragraph of a libtorch message on one line, without stack traces. */
inline std::string oneSentence(const std::exception& error) {
  const auto* own = dynamic_cast<const c10::Error*>(&error);
  std::string text = own != nullptr ? own->what_without_backtrace() : error.what();
  for (const char* mark : {"\nException raised from", "\nC++ CapturedTraceback", "\n\n"}) {
    text = text.substr(0, text.find(mark));
  }
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  if (text.size() > 600) text = text.substr(0, 597) + "...";
  while (!text.empty() && (text.back() == ' ' || text.back() == '.')) text.pop_back();
  return text;
}

/** Memory of the machine or of a device was not enough; {@link entry} gives it a code of its own. */
struct OutOfMemory : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline bool isOutOfMemory(const std::exception& error) {
  return dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ||
         dynamic_cast<const std::bad_alloc*>(&error) != nullptr || dynamic_cast<const OutOfMemory*>(&error) != nullptr;
}

inline std::string describe(const c10::IValue& value) {
  if (!value.isTensor()) return "";
  const at::Tensor& tensor = value.toTensor();
  if (!tensor.defined()) return "none";
  std::ostringstream text;
  text << dtypeName(tensor.scalar_type()) << tensor.sizes();
  return text.str();
}

/** Names and shapes of the tensors among the arguments, for error messages. */
inline std::string describeArguments(const c10::FunctionSchema& schema, const torch::jit::Stack& stack) {
  std::string text;
  for (size_t i = 0; i < stack.size() && i < schema.arguments().size(); i++) {
    std::string value = describe(stack[i]);
    if (stack[i].isTensorList()) {
      for (const at::Tensor& tensor : stack[i].toTensorVector()) {
        if (value.size() > 200) break;
        value += (value.empty() ? "" : ", ") + describe(tensor);
      }
      value = "(" + value + ")";
    }
    if (!value.empty()) text += (text.empty() ? "" : ", ") + schema.arguments()[i].name() + " " + value;
  }
  return text.empty() ? text : " [" + text + "]";
}

/** The number of operator `name`, overload `overload`, for {@link callOperator}. */
inline size_t findOperator(Context& context, const std::string& name, const std::string& overload) {
  auto& dispatcher = c10::Dispatcher::singleton();
  auto found = dispatcher.findSchema({name, overload});
  if (!found.has_value()) {
    std::string others;
    for (const auto& known : dispatcher.getAllOpNames()) {
      if (known.name != name) continue;
      others += (others.empty() ? "; it has " : ", ") + known.name;
      if (!known.overload_name.empty()) others += "." + known.overload_name;
    }
    const std::string full = overload.empty() ? name : name + "." + overload;
    throw std::runtime_error(full + ": libtorch " TORCH_VERSION " has no such operator" + others);
  }
  context.operators.push_back(*found);
  return context.operators.size() - 1;
}

/** One argument of the schema from the call; `given` says whether JavaScript passed something. */
inline c10::IValue argumentValue(
    Context& context, napi_env env, const c10::Argument& argument, napi_value value, bool given) {
  if (!given) {
    if (argument.default_value().has_value()) return *argument.default_value();
    if (argument.type()->kind() == c10::TypeKind::OptionalType) return c10::IValue();
    throw std::runtime_error("argument \"" + argument.name() + "\" is missing");
  }
  try {
    return toIValue(context, env, value, argument.type(), argument.N());
  } catch (const std::exception& error) {
    throw std::runtime_error("argument \"" + argument.name() + "\": " + oneSentence(error));
  }
}

/**
 * Calls an operator.
 * @param positional JavaScript array; undefined elements take the schema's defaults
 * @param keywords object of further arguments by name, or undefined
 * @return the one result, an array of several, or undefined for none
 */
inline napi_value callOperator(
    Context& context, napi_env env, size_t index, napi_value positional, napi_value keywords) {
  if (index >= context.operators.size()) throw std::runtime_error("unknown operator number");
  const c10::OperatorHandle& op = context.operators[index];
  const c10::FunctionSchema& schema = op.schema();
  const auto& arguments = schema.arguments();
  torch::jit::Stack stack;
  try {
    uint32_t given = 0;
    check(env, napi_get_array_length(env, positional, &given));
    if (given > arguments.size()) {
      throw std::runtime_error("takes at most " + std::to_string(arguments.size()) + " arguments, received " +
                               std::to_string(given));
    }
    uint32_t namedLeft = 0;
    const bool hasNamed = !isNothing(env, keywords);
    if (hasNamed) {
      napi_value names;
      check(env, napi_get_property_names(env, keywords, &names));
      check(env, napi_get_array_length(env, names, &namedLeft));
    }
    stack.reserve(arguments.size());
    for (uint32_t i = 0; i < arguments.size(); i++) {
      napi_value value = nullptr;
      bool present = false;
      if (i < given) {
        check(env, napi_get_element(env, positional, i, &value));
        present = typeOf(env, value) != napi_undefined;
      }
      if (hasNamed) {
        bool named = false;
        check(env, napi_has_named_property(env, keywords, arguments[i].name().c_str(), &named));
        if (named) {
          if (present) throw std::runtime_error("argument \"" + arguments[i].name() + "\" is given twice");
          check(env, napi_get_named_property(env, keywords, arguments[i].name().c_str(), &value));
          present = typeOf(env, value) != napi_undefined;
          namedLeft--;
        }
      }
      stack.push_back(argumentValue(context, env, arguments[i], value, present));
    }
    if (namedLeft != 0) {
      std::string names;
      for (const auto& argument : arguments) names += (names.empty() ? "" : ", ") + argument.name();
      throw std::runtime_error("a named argument is unknown; the arguments are " + names);
    }
    // Boxed kernels may consume the stack; a copy of the references keeps the shapes for the message.
    torch::jit::Stack work = stack;
    op.callBoxed(work);
    if (work.empty()) {
      napi_value undefined;
      check(env, napi_get_undefined(env, &undefined));
      return undefined;
    }
    if (work.size() == 1) return fromIValue(context, env, work[0]);
    return makeArray(env, work.size(), [&](size_t i) { return fromIValue(context, env, work[i]); });
  } catch (const std::exception& error) {
    const std::string overload = schema.overload_name().empty() ? "" : "." + schema.overload_name();
    const std::string message =
        schema.name() + overload + ": " + oneSentence(error) + describeArguments(schema, stack);
    if (isOutOfMemory(error)) throw OutOfMemory(message);
    throw std::runtime_error(message);
  }
}

} // namespace renograde
