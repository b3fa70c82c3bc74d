// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <map>

#include "cuda/launch/linears.h"
#include "cuda/selftest/selftest_bench.h"

namespace intarsia::cuda {
namespace {

// Weights and activations are rounded to binary16 on their way.
constexpr double tolerance = 4e-3;

QuantizedLinear random_linear(Bench& bench, QuantizerId id, std::size_t rows, std::size_t columns) {
  QuantizedLinear layer;
  layer.quantizer = id;
  layer.shape = {rows, columns};
  if (id.family == QuantizerFamily::f16) {
    const auto weights = bench.numbers<Half>(rows * columns);
    layer.codes.resize(2 * weights.size());
    std::memcpy(layer.codes.data(), weights.data(), layer.codes.size());
    return layer;
  }
  const auto codes = bench.bytes(quantizer(id).code_bytes(layer.shape));
  layer.codes.resize(codes.size());
  std::memcpy(layer.codes.data(), codes.data(), codes.size());
  for (std::size_t r = 0; r < rows; ++r)
    layer.row_scales.push_back(float_to_half(float(0.5 + bench.random.uniform())));
  return layer;
}

// With its weights on both sides.
struct Uploaded {
  Uploaded(Bench& bench, QuantizerId id, std::size_t rows, std::size_t columns)
      : layer(random_linear(bench, id, rows, columns))
      , codes(bench, device_codes(layer))
      , scales(bench, layer.row_scales) {}
  std::vector<float> weights() const {
    std::vector<float> all(layer.shape.rows * layer.shape.columns);
    decode_rows(layer, 0, layer.shape.rows, all);
    return all;
  }
  DeviceLinear device(const Input<float>& book) const {
    const bool coded = layer.quantizer.family != QuantizerFamily::f16;
    return {layer.quantizer, int(layer.shape.rows),          int(layer.shape.columns),
            codes.get(),     coded ? scales.get() : nullptr, book.host.empty() ? nullptr : book.get()};
  }

  QuantizedLinear layer;
  Input<std::byte> codes;
  Input<std::uint16_t> scales;
};

Input<float> book_of(Bench& bench, QuantizerId id) {
  const auto book = quantizer(id).codebook();
  return {bench, {book.begin(), book.end()}};
}

// y against the product in double, by the size that the sum's terms let expect.
void compare_product(Bench& bench, const std::vector<float>& y, std::size_t y_stride,
                     const std::vector<float>& w, const std::vector<Half>& x, std::size_t tokens,
                     std::size_t d_in) {
  const std::size_t rows = w.size() / d_in;
  for (std::size_t t = 0; t < tokens; ++t)
    for (std::size_t r = 0; r < rows; ++r) {
      double sum = 0, squares = 1e-12;
      for (std::size_t k = 0; k < d_in; ++k) {
        const double term = double(w[r * d_in + k]) * double(number(x[t * d_in + k]));
        sum += term;
        squares += term * term;
      }
      bench.compare(double(y[t * y_stride + r]), sum, std::sqrt(squares));
    }
}

// With the activations in bytes beside; what two of them leave of 15 bits is below what binary16 does.
void launch(Bench& bench, std::span<const DeviceLinear> group, const Input<Half>& x, int batch,
            std::span<const LinearOutput> outputs, KernelPath path) {
  const auto rows = std::size_t(batch), d_in = std::size_t(group[0].d_in);
  const Output<std::byte> int8(bench, rows * int8_row_bytes(d_in, int8_terms));
  const Int8Rows bytes = int8_rows_in(int8.get(), rows, d_in, int8_terms);
  launch_quantize_rows(x.get(), batch, int(d_in), bytes, bench.stream);
  const std::vector<std::byte> zeros(linear_scratch_bytes());
  const Output<std::byte> scratch(bench, zeros.size(), zeros);
  launch_linear_group(group, {x.get(), bytes}, batch, outputs, path, linear_scratch_in(scratch.get()),
                      bench.stream);
  int8.read(); // looks behind it
  if (scratch.read() != zeros) bench.problem = "it did not leave zeros";
}

void group(Bench& bench, QuantizerId id, KernelPath path) {
  const std::size_t d_in = std::size_t(bench.between(1, 700)), members = std::size_t(bench.between(1, 4));
  int batch = bench.between(1, max_decode_rows);
  while (!supports(id, path, batch)) --batch;
  const Input<float> book = book_of(bench, id);
  const Input<Half> x(bench, bench.numbers<Half>(std::size_t(batch) * d_in));
  std::vector<std::unique_ptr<Uploaded>> linears;
  std::vector<std::unique_ptr<Output<float>>> results;
  std::vector<DeviceLinear> device;
  std::vector<LinearOutput> outputs;
  for (std::size_t i = 0; i < members; ++i) {
    const std::size_t d_out = std::size_t(bench.between(1, 200)),
                      stride = d_out + std::size_t(bench.between(0, 9));
    linears.push_back(std::make_unique<Uploaded>(bench, id, d_out, d_in));
    results.push_back(std::make_unique<Output<float>>(bench, std::size_t(batch) * stride));
    device.push_back(linears.back()->device(book));
    outputs.push_back({results.back()->get(), stride});
  }
  launch(bench, device, x, batch, outputs, path);
  for (std::size_t i = 0; i < members; ++i)
    compare_product(bench, results[i]->read(), outputs[i].stride, linears[i]->weights(), x.host,
                    std::size_t(batch), d_in);
}

// A fused group of a real model's size; a few runs of rows are looked at, the first and the last among them.
void real_group(Bench& bench, QuantizerId id, const std::vector<std::size_t>& rows, std::size_t d_in,
                int batch) {
  const Input<float> book = book_of(bench, id);
  const Input<Half> x(bench, bench.numbers<Half>(std::size_t(batch) * d_in));
  std::vector<std::unique_ptr<Uploaded>> linears;
  std::vector<std::unique_ptr<Output<float>>> results;
  std::vector<DeviceLinear> device;
  std::vector<LinearOutput> outputs;
  for (const std::size_t d_out : rows) {
    linears.push_back(std::make_unique<Uploaded>(bench, id, d_out, d_in));
    results.push_back(std::make_unique<Output<float>>(bench, std::size_t(batch) * d_out));
    device.push_back(linears.back()->device(book));
    outputs.push_back({results.back()->get(), d_out});
  }
  launch(bench, device, x, batch, outputs, KernelPath::tensor_core);
  const std::size_t run = std::max<std::size_t>(quantizer(id).row_granularity(), 16);
  for (std::size_t i = 0; i < linears.size(); ++i) {
    const std::vector<float> y = results[i]->read();
    const std::size_t runs = (rows[i] + run - 1) / run;
    for (const std::size_t chosen : {std::size_t(0), std::size_t(bench.random.below(runs)), runs - 1}) {
      const std::size_t first = chosen * run, count = std::min(run, rows[i] - first);
      std::vector<float> weights(count * d_in), part;
      decode_rows(linears[i]->layer, first, count, weights);
      for (std::size_t t = 0; t < std::size_t(batch); ++t)
        part.insert(part.end(), y.begin() + std::ptrdiff_t(t * rows[i] + first),
                    y.begin() + std::ptrdiff_t(t * rows[i] + first + count));
      compare_product(bench, part, count, weights, x.host, std::size_t(batch), d_in);
    }
  }
}

void decode(Bench& bench, QuantizerId id) {
  const std::size_t d_in = std::size_t(bench.between(1, 700)), d_out = std::size_t(bench.between(1, 200));
  const std::size_t first = std::size_t(bench.between(0, int(d_out) - 1)),
                    count = std::size_t(bench.between(1, int(d_out - first))),
                    stride = d_in + std::size_t(bench.between(0, 9));
  const Input<float> book = book_of(bench, id);
  const Uploaded linear(bench, id, d_out, d_in);
  const Output<Half> out(bench, count * stride);
  launch_decode_rows(linear.device(book), int(first), int(count), out.get(), stride, bench.stream);
  const auto got = out.read();
  const std::vector<float> weights = linear.weights();
  for (std::size_t r = 0; r < count; ++r)
    for (std::size_t k = 0; k < d_in; ++k)
      bench.compare(double(number(got[r * stride + k])), double(weights[(first + r) * d_in + k]), 4);
}

void gemm(Bench& bench) {
  const std::size_t d_in = std::size_t(bench.between(1, 700)), rows = std::size_t(bench.between(1, 300)),
                    tokens = std::size_t(bench.between(17, 100));
  const Input<Half> w(bench, bench.numbers<Half>(rows * d_in)), x(bench, bench.numbers<Half>(tokens * d_in));
  const Output<float> y(bench, tokens * rows);
  const Gemm product(nullptr, 0);
  product.multiply(w.get(), d_in, int(rows), x.get(), d_in, int(tokens), int(d_in), y.get(), rows,
                   bench.stream);
  std::vector<float> weights;
  for (const Half value : w.host) weights.push_back(number(value));
  compare_product(bench, y.read(), rows, weights, x.host, tokens, d_in);
}

} // namespace

void add_linear_cases(std::vector<SelftestKernel>& kernels) {
  for (const Quantizer* member : palette()) {
    const QuantizerId id = member->id();
    for (const KernelPath path : {KernelPath::tensor_core, KernelPath::cuda_core})
      if (supports(id, path, 1))
        kernels.push_back({to_string(id) + ", " + std::string(kernel_path_name(path)), tolerance,
                           [id, path](Bench& bench) { group(bench, id, path); }});
    kernels.push_back({to_string(id) + ", decode", 1e-3, [id](Bench& bench) { decode(bench, id); }});
  }
  kernels.push_back({"cuBLAS", tolerance, gemm});
}

// Of each family the quantizer next to three bits.
void add_real_linear_cases(std::vector<SelftestKernel>& kernels, int divided_by) {
  const struct {
    const char* name;
    std::vector<std::size_t> rows;
    std::size_t d_in;
  } shapes[] = {{"8B gate+up", {14336, 14336}, 4096}, {"8B q+k+v", {4096, 1024, 1024}, 4096},
                {"8B down", {4096}, 14336},           {"70B gate+up", {28672, 28672}, 8192},
                {"70B down", {8192}, 28672},          {"135M q+k+v", {576, 192, 192}, 576},
                {"135M gate+up", {1536, 1536}, 576},  {"135M down", {576}, 1536}};
  std::map<QuantizerFamily, QuantizerId> chosen;
  for (const Quantizer* member : palette()) {
    const auto [place, fresh] = chosen.try_emplace(member->id().family, member->id());
    const auto off = [](QuantizerId id) { return std::abs(id.quarter_bits - 12); };
    if (!fresh && off(member->id()) < off(place->second)) place->second = member->id();
  }
  for (const auto& [_, id] : chosen)
    for (const auto& shape : shapes)
      for (const int batch : {1, 8, max_decode_rows}) {
        std::vector<std::size_t> rows;
        for (const std::size_t count : shape.rows) rows.push_back(count / std::size_t(divided_by));
        kernels.push_back({shape.name + (", " + to_string(id)) + ", batch " + std::to_string(batch),
                           tolerance,
                           [id = id, rows, d_in = shape.d_in / std::size_t(divided_by), batch](Bench& bench) {
                             real_group(bench, id, rows, d_in, batch);
                           }});
      }
}

} // namespace intarsia::cuda
