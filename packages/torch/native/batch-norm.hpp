// Batch normalisation in training on the CPU, as operator renograde::batch_norm beside libtorch's own.
//
// libtorch's takes mean and variance value by value in double precision; its group norm takes vectors, in cascades, and is
// the same function where every group is a channel of one image. The gradient is libtorch's.
#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace renograde {

struct BatchNorm : torch::autograd::Function<BatchNorm> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias, const at::Tensor& runningMean, const at::Tensor& runningVar,
                            double momentum, double eps) {
    const int64_t images = x.size(0), channels = x.size(1);
    const int64_t count = x.numel() / channels;
    const bool single = images == 1;
    auto [y, mean, inverse] =
        at::native_group_norm(x, single ? weight : at::Tensor(), single ? bias : at::Tensor(), images, channels,
                              count / images, channels, eps);
    at::Tensor variance = inverse.pow(-2).sub_(eps).clamp_min_(0);
    if (single) {
      mean = mean.squeeze(0), variance = variance.squeeze(0), inverse = inverse.squeeze(0);
    } else {
      // Of all images: the mean of the variances, and the variance of the means.
      const at::Tensor whole = mean.mean(0);
      variance = variance.mean(0).add_((mean - whole).square_().mean(0));
      mean = whole;
      inverse = (variance + eps).rsqrt_();
      y = std::get<0>(at::native_batch_norm(x, weight, bias, mean, variance, false, 0, eps));
    }
    runningMean.mul_(1 - momentum).add_(mean, momentum);
    const double unbiased = count > 1 ? double(count) / double(count - 1) : 1;
    runningVar.mul_(1 - momentum).add_(variance, momentum * unbiased);
    context->saved_data["eps"] = eps;
    context->save_for_backward({x, weight, mean, inverse});
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto [x, weight, bias] =
        at::native_batch_norm_backward(gradients[0], saved[0], saved[1], {}, {}, saved[2], saved[3], true,
                                       context->saved_data["eps"].toDouble(), {true, true, true});
    return {x, weight, bias, {}, {}, {}, {}};
  }
};

inline at::Tensor batchNorm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            const at::Tensor& runningMean, const at::Tensor& runningVar, double momentum, double eps) {
  return BatchNorm::apply(x, weight, bias, runningMean, runningVar, momentum, eps);
}

TORCH_LIBRARY(renograde, library) {
  library.def(
      "batch_norm(Tensor input, Tensor weight, Tensor bias, Tensor running_mean, Tensor running_var, float momentum, "
      "float eps) -> Tensor",
      &batchNorm);
}

} // namespace renograde
