// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/memory/check.cuh"

#include <atomic>
#include <string>

#include "core/base/error.h"

namespace intarsia::cuda {
namespace {

std::atomic<bool> lost = false;

bool loses_context(cudaError_t status) {
  switch (status) {
  case cudaErrorIllegalAddress:
  case cudaErrorMisalignedAddress:
  case cudaErrorInvalidAddressSpace:
  case cudaErrorInvalidPc:
  case cudaErrorIllegalInstruction:
  case cudaErrorHardwareStackError:
  case cudaErrorLaunchFailure:
  case cudaErrorLaunchTimeout:
  case cudaErrorAssert:
  case cudaErrorECCUncorrectable:
  case cudaErrorNvlinkUncorrectable:
  case cudaErrorContextIsDestroyed:
  case cudaErrorUnknown:
    return true;
  default:
    return false;
  }
}

bool is_resource(cudaError_t status) {
  switch (status) {
  case cudaErrorMemoryAllocation:
  case cudaErrorNoDevice:
  case cudaErrorInvalidDevice:
  case cudaErrorInsufficientDriver:
  case cudaErrorDevicesUnavailable:
  case cudaErrorDeviceUninitialized:
    return true;
  default:
    return false;
  }
}

const char* advice(cudaError_t status) {
  if (status == cudaErrorMemoryAllocation)
    return "; close other programs that use the GPU, choose a smaller context or a smaller memory budget, or "
           "go on with --device cpu";
  if (is_resource(status)) return "; see `intarsia devices`, or go on with --device cpu";
  if (loses_context(status)) return "; what was loaded on the GPU is gone, load the model and try again";
  return "; try again, or go on with --device cpu";
}

} // namespace

void fail(cudaError_t status, const char* doing) {
  if (loses_context(status)) lost = true;
  cudaGetLastError(); // else the next launch would be blamed
  throw Error(is_resource(status) ? ErrorKind::resource : ErrorKind::internal,
              std::string("CUDA failed while ") + doing + ": " + cudaGetErrorString(status) + " (" +
                  cudaGetErrorName(status) + ")" + advice(status));
}

bool context_is_lost() { return lost; }

} // namespace intarsia::cuda
