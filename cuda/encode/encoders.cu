// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/encode/encoders.h"

#include "cuda/memory/device_memory.cuh"
#include "cuda/encode/linear_encoder.cuh"
#include "cuda/launch/start.cuh"

namespace intarsia::cuda {
namespace {

// What LinearEncoder asks of a device, on one stream.
class CudaDevice {
 public:
  explicit CudaDevice(int device) {
    check(cudaSetDevice(device), "choosing a device");
    int processors = 0;
    check(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device),
          "asking for the number of multiprocessors");
    blocks_ = std::size_t(processors); // a block of the trellis search takes all registers of one
    check(cudaStreamCreate(&stream_), "creating a stream");
  }
  ~CudaDevice() { cudaStreamDestroy(stream_); }
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;

  template <typename T>
  using Memory = DeviceMemory<T>;

  std::size_t blocks() const { return blocks_; }
  std::size_t free_bytes() const {
    std::size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total), "asking for the free device memory");
    return free;
  }

  template <typename... Parameters, typename... Arguments>
  void launch(const char* doing, void (*kernel)(Parameters...), Blocks blocks, int threads,
              std::size_t shared_bytes, const Arguments&... arguments) const {
    if (shared_bytes > simt::shared_memory_limit)
      throw Error(ErrorKind::unsupported,
                  std::string("the layer is too large for ") + doing + " on this device");
    allow_shared_memory(kernel, shared_bytes, doing);
    kernel<<<dim3(blocks.x, blocks.y), unsigned(threads), shared_bytes, stream_>>>(Parameters(arguments)...);
    check(cudaGetLastError(), doing);
  }
  template <typename T>
  void upload(T* to, const T* from, std::size_t count, const char* doing) const {
    check(cudaMemcpyAsync(to, from, count * sizeof(T), cudaMemcpyHostToDevice, stream_), doing);
  }
  template <typename T>
  void download(T* to, const T* from, std::size_t count, const char* doing) const {
    check(cudaMemcpyAsync(to, from, count * sizeof(T), cudaMemcpyDeviceToHost, stream_), doing);
    check(cudaStreamSynchronize(stream_), doing);
  }
  template <typename T>
  void clear(T* to, std::size_t count, const char* doing) const {
    check(cudaMemsetAsync(to, 0, count * sizeof(T), stream_), doing);
  }
  void wait() const { check(cudaStreamSynchronize(stream_), "quantizing"); }

 private:
  cudaStream_t stream_ = nullptr;
  std::size_t blocks_ = 0;
};

std::string megabytes(std::size_t bytes) { return std::to_string((bytes + 999'999) / 1'000'000) + " MB"; }

QuantizedLinear quantize_on(int index, std::size_t memory, const LinearSource& source,
                            const JobControl& control) {
  const std::size_t columns = source.shape.columns;
  CudaDevice device(index);
  const std::size_t free = device.free_bytes() / 10 * 9; // leaves the driver some
  const std::size_t least = encoder_fixed_bytes(source.quantizer, columns, device.blocks()) +
                            encoder_band * encoder_row_bytes(source.quantizer, columns);
  if (free < least)
    throw Error(ErrorKind::resource, "quantizing it takes " + megabytes(least) + " of device memory, and " +
                                         megabytes(free) +
                                         " are free; close other programs that use the GPU");
  const std::size_t rows =
      encoder_slab_rows(source.quantizer, source.shape, device.blocks(), std::min(memory, free));
  return LinearEncoder<CudaDevice>(device, source, rows, control).run();
}

} // namespace

DeviceEncoder::DeviceEncoder(int device, std::size_t memory)
    : device_(device)
    , memory_(memory) {}

QuantizedLinear DeviceEncoder::quantize(const LinearSource& source, const JobControl& control) const {
  if (source.quantizer.family == QuantizerFamily::f16) {
    constexpr std::size_t slab = std::size_t(1) << 28;
    return store_as_f16(
        source, std::max<std::size_t>(1, slab / std::max<std::size_t>(1, source.shape.columns)), control);
  }
  try {
    return quantize_on(device_, memory_, source, control);
  } catch (const Error& error) {
    const bool says_where = error.kind() == ErrorKind::input || error.kind() == ErrorKind::cancelled;
    if (says_where) throw;
    throw Error(error.kind(), source.name + ": " + error.what());
  }
}

} // namespace intarsia::cuda
