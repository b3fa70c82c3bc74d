// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// quantize_linear() of core/palette/quantized_linear.h as a sequence of kernels, a slab of rows after the
// other, so that device memory need hold no whole layer. The device is a template parameter: CUDA's
// (encoders.cu), or the tests' harness, which runs this same sequence on the host. It offers
//   Memory<T>(count, what), get()                      elements of T, freed with it
//   launch(what, kernel, {x, y}, threads, shared bytes, arguments …)
//   upload(to, from, count, what), download(…), clear(to, count, what), wait()
//   blocks()                                           how many blocks of 1,024 threads run at once
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/palette/hadamard.h"
#include "core/palette/lloyd_max.h"
#include "core/palette/quantized_linear.h"
#include "core/palette/tcq_layout.h"
#include "cuda/encode/encoders.h"
#include "cuda/kernels/encode_feedback.cuh"
#include "cuda/kernels/rotation.cuh"
#include "cuda/launch/linear_layout.h"

namespace intarsia::cuda {

struct Blocks {
  unsigned x = 1, y = 1;
};

using ProductTrellis = kernels::TrellisCode<trellis::state_bits, 1, 2, false>; // of any rate, as to sizes

// Values of all states, as encode_trellis takes them.
inline std::vector<std::uint32_t> trellis_value_pairs() {
  std::vector<std::uint32_t> pairs(trellis::states / 2);
  for (std::uint32_t state = 0; state < trellis::states; ++state) {
    std::uint32_t reversed = 0;
    for (unsigned bit = 0; bit < trellis::state_bits; ++bit)
      reversed |= (state >> bit & 1u) << (trellis::state_bits - 1 - bit);
    pairs[reversed / 2] |= std::uint32_t(trellis::encoder_value(state) + 32768) << (16 * (reversed % 2));
  }
  return pairs;
}

// --- sizes

// Slabs are whole bands of rows: a multiple of every quantizer's granularity.
inline constexpr std::size_t encoder_band = trellis::panel_rows;

// Device memory that coding takes, whatever the slab.
inline std::size_t encoder_fixed_bytes(QuantizerId id, std::size_t columns, std::size_t blocks) {
  const std::size_t words = trellis::states / 2 + blocks * kernels::trellis_choices<ProductTrellis>();
  return (is_trellis(id) ? 4 * words : 0) + (1 << 17) + 4 * (kernels::panel_columns + 2) * columns;
}

// And for each row of the slab: twice in f32, codes, and what the panels of feedback need.
inline std::size_t encoder_row_bytes(QuantizerId id, std::size_t columns) {
  return 8 * columns + std::size_t(quantizer(id).code_bytes({encoder_band, columns}) / encoder_band) + 1 + 2 +
         2 * sizeof(RowFit) + 16 * kernels::panel_columns;
}

// How many rows fit into `bytes`: whole bands, at least one of them, no more than a grid can be high.
inline std::size_t encoder_slab_rows(QuantizerId id, MatrixShape shape, std::size_t blocks,
                                     std::size_t bytes) {
  constexpr std::size_t band = encoder_band, most = 65535 / band * band;
  const std::size_t fixed = encoder_fixed_bytes(id, shape.columns, blocks);
  const std::size_t rows = bytes > fixed ? (bytes - fixed) / encoder_row_bytes(id, shape.columns) : 0;
  const std::size_t max_indexed = UINT32_MAX / std::max<std::size_t>(1, shape.columns);
  const std::size_t all = (shape.rows + band - 1) / band * band;
  return std::max(band, std::min({rows / band * band, max_indexed / band * band, most, all}));
}

// --- the sequence

template <typename Device>
class LinearEncoder {
 public:
  LinearEncoder(Device& device, const LinearSource& source, std::size_t slab_rows, const JobControl& control)
      : device_(device)
      , source_(source)
      , control_(control)
      , coder_(quantizer(source.quantizer))
      , rows_(std::min(slab_rows, source.shape.rows))
      , columns_(source.shape.columns)
      , row_bytes_(coder_.code_bytes({coder_.row_granularity(), columns_}))
      , raw_(rows_ * columns_, "rows of weights")
      , unit_(rows_ * columns_, "rotated rows of weights")
      , codes_(coder_.code_bytes({rows_, columns_}), "codes")
      , scales_(rows_, "row scales")
      , fits_(2 * rows_, "sums of errors")
      , non_finite_(1, "a flag")
      , signs_(source.rotation->signs().size(), "a rotation's signs")
      , hadamard_(hadamard_words().size(), "a rotation's matrix")
      , book_(coder_.codebook().size(), "a codebook")
      , thresholds_(coder_.codebook().size(), "thresholds")
      , values_(is_trellis(source.quantizer) ? trellis::states / 2 : 1, "the values of a trellis")
      , choices_(is_trellis(source.quantizer) ? device.blocks() * kernels::trellis_choices<ProductTrellis>()
                                              : 1,
                 "the search through a trellis")
      , factor_(source.hessian ? kernels::panel_columns * columns_ : 1, "a panel of the Hessian's factor")
      , panel_(source.hessian ? 4 * kernels::panel_columns * rows_ : 1, "a panel of weights") {
    upload_tables();
  }

  QuantizedLinear run() {
    const MatrixShape shape = source_.shape;
    QuantizedLinear layer{source_.quantizer,
                          shape,
                          std::vector<std::byte>(coder_.code_bytes(shape)),
                          {},
                          source_.rotation,
                          0,
                          {}};
    layer.row_scales.resize(shape.rows);
    std::vector<RowFit> plain(shape.rows), fits(source_.hessian ? shape.rows : 0);
    std::vector<float> staging(rows_ * columns_);
    for (std::size_t first = 0; first < shape.rows; first += rows_) {
      const std::size_t count = std::min(rows_, shape.rows - first);
      prepare(first, count, std::span(staging).first(count * columns_));
      // What no weight belongs to is 0.
      device_.clear(codes_.get(), coder_.code_bytes({rows_, columns_}), "clearing codes");
      if (source_.hessian)
        code_with_feedback(first, count);
      else
        code_plainly(first, count);
      fetch(first, count, layer, plain, fits);
    }
    const auto ratios = refine_scales(source_.hessian ? fits : plain, layer.row_scales);
    layer.distortion = relative_error(plain, ratios, layer.row_scales);
    if (source_.hessian) layer.proxy_loss = relative_error(fits, ratios, layer.row_scales);
    return layer;
  }

 private:
  template <typename T>
  using Memory = typename Device::template Memory<T>;

  static constexpr int threads = 256, row_threads = 128;
  static unsigned blocks_for(std::size_t items, std::size_t a_block) {
    return unsigned(std::clamp<std::size_t>((items + a_block - 1) / a_block, 1, 1 << 16));
  }

  std::vector<std::uint32_t> hadamard_words() const { return hadamard_signs(source_.rotation->order(), 1); }

  void upload_tables() {
    const auto signs = source_.rotation->signs();
    device_.upload(signs_.get(), signs.data(), signs.size(), "copying a rotation");
    const auto words = hadamard_words();
    device_.upload(hadamard_.get(), words.data(), words.size(), "copying a rotation");
    const auto book = coder_.codebook();
    device_.upload(book_.get(), book.data(), book.size(), "copying a codebook");
    if (is_trellis(source_.quantizer)) {
      static const std::vector<std::uint32_t> pairs = trellis_value_pairs();
      device_.upload(values_.get(), pairs.data(), pairs.size(), "copying the values of a trellis");
    } else if (source_.quantizer.family == QuantizerFamily::nuq) {
      const auto solution = solve_lloyd_max(book.size());
      const std::vector<float> thresholds(solution.thresholds.begin(), solution.thresholds.end());
      device_.upload(thresholds_.get(), thresholds.data(), thresholds.size(), "copying thresholds");
    }
    device_.wait(); // what was copied may go
  }

  // Rotated rows of unit variance, and their scales.
  void prepare(std::size_t first, std::size_t count, std::span<float> staging) {
    control_.throw_if_stopped();
    source_.rows(first, count, staging);
    device_.upload(raw_.get(), staging.data(), staging.size(), "copying weights to the device");
    refuse_non_finite(first, staging.size());
    const Rotation& rotation = *source_.rotation;
    const kernels::RotationShape shape{int(rotation.blocks()), int(rotation.order()), int(rotation.power())};
    const int wide = std::clamp((shape.power + simt::warp_size - 1) / simt::warp_size * simt::warp_size,
                                simt::warp_size, 512);
    device_.launch("rotating weights", &kernels::rotate_rows<kernels::PlainInput, float>,
                   Blocks{unsigned(shape.blocks * shape.order), unsigned(count)}, wide,
                   kernels::rotation_shared_bytes(shape.power), kernels::PlainInput{raw_.get(), columns_},
                   signs_.get(), hadamard_.get(), shape,
                   float(1 / std::sqrt(double(shape.order) * double(shape.power))), unit_.get());
    device_.launch("scaling rows", &kernels::normalise_rows, Blocks{unsigned(count)}, threads,
                   kernels::row_sums_shared_bytes(), unit_.get(), int(columns_), scales_.get());
  }

  void refuse_non_finite(std::size_t first_row, std::size_t count) {
    device_.clear(non_finite_.get(), 1, "clearing a flag");
    device_.launch("looking for weights that are not finite", &kernels::find_non_finite,
                   Blocks{std::min(4096u, blocks_for(count, threads))}, threads, 0, raw_.get(), count,
                   non_finite_.get());
    unsigned first = 0;
    device_.download(&first, non_finite_.get(), 1, "looking for weights that are not finite");
    if (first != 0) throw non_finite_weight(source_.name, first_row * columns_ + std::size_t(~first));
  }

  // Calls use(book) with NUQ's or VQ's.
  template <typename Use>
  void with_book(Use use) {
    const auto entries = coder_.codebook().size();
    if (source_.quantizer.family == QuantizerFamily::nuq)
      use(kernels::LevelBook{book_.get(), thresholds_.get(), int(std::bit_width(entries)) - 1});
    else
      use(kernels::PairBook{book_.get(), int(std::bit_width(entries / 2)) - 1});
  }

  // --- without feedback

  void code_plainly(std::size_t first, std::size_t count) {
    if (is_trellis(source_.quantizer))
      code_panels(first, count);
    else
      with_book([&](auto book) {
        const kernels::CodedRows rows{unit_.get(),  int(count), int(columns_),
                                      codes_.get(), row_bytes_, raw_.get()};
        const std::size_t chunks = count * std::size_t(rows.chunks(book.length));
        device_.launch("coding rows", &kernels::encode_rows<decltype(book)>,
                       Blocks{std::min(4096u, blocks_for(chunks, row_threads))}, row_threads,
                       book.shared_bytes(), book, rows);
        report(first + count);
      });
    device_.launch("adding up errors", &kernels::fit_rows, Blocks{unsigned(count)}, threads,
                   kernels::row_sums_shared_bytes(), unit_.get(), raw_.get(), int(columns_), fits_.get());
  }

  // Blocks [first, first + count) of a panel have one rate.
  struct Half {
    std::size_t first, count;
  };
  std::vector<Half> halves() const {
    const TcqLayout layout = layout_of_slab();
    const std::size_t left = layout.left_blocks();
    std::vector<Half> both = {{0, left}};
    if (layout.blocks() > left) both.push_back({left, layout.blocks() - left});
    return both;
  }
  TcqLayout layout_of_slab() const { return {source_.quantizer, {rows_, columns_}}; }

  // Columns of one rate, from the part'th of a block on.
  kernels::TrellisRings rings(const float* weights, std::size_t stride, std::size_t panel, std::size_t rows,
                              std::size_t block, std::size_t part, std::size_t columns) const {
    const TcqLayout layout = layout_of_slab();
    const unsigned quarters = layout.quarters(block);
    return {weights,
            stride,
            int(rows),
            int(columns),
            quarters,
            trellis::encoder_factor(quarters),
            trellis::scale(quarters),
            codes_.get() + layout.offset(panel, block),
            unsigned(part),
            layout.panel_bytes()};
  }

  // Bands of rows that take some 50 ms, so that Cancel is prompt.
  void code_panels(std::size_t first, std::size_t count) {
    constexpr std::size_t panel = trellis::panel_rows, waves = 64;
    const std::size_t panel_rings = (columns_ + trellis::ring_columns - 1) / trellis::ring_columns * 4;
    const std::size_t step = std::max<std::size_t>(1, waves * device_.blocks() / panel_rings) * panel;
    for (std::size_t row = 0; row < count; row += step) {
      for (const Half& half : halves()) {
        const std::size_t column = half.first * trellis::block_columns;
        const std::size_t wide = std::min(columns_ - column, half.count * trellis::block_columns);
        const std::size_t at = row * columns_ + column;
        code_and_decode(
            rings(unit_.get() + at, columns_, row / panel, std::min(step, count - row), half.first, 0, wide),
            raw_.get() + at, columns_);
      }
      device_.wait();
      report(first + std::min(row + step, count));
    }
  }

  void code_and_decode(const kernels::TrellisRings& rings, float* decoded, std::size_t stride) {
    const auto count = std::size_t(rings.rings());
    kernels::with_trellis_code<int(trellis::state_bits)>(rings.quarters, [&](auto code) {
      using Code = decltype(code);
      device_.launch("searching a trellis", &kernels::encode_trellis<Code>,
                     Blocks{unsigned(std::min(count, device_.blocks()))}, Code::threads,
                     kernels::trellis_shared_bytes<Code>(), rings, values_.get(), choices_.get());
    });
    device_.launch("decoding a trellis", &kernels::decode_trellis,
                   Blocks{std::min(4096u, blocks_for(count * trellis::ring_weights, threads))}, threads, 0,
                   rings, decoded, stride);
  }

  // --- with feedback

  void code_with_feedback(std::size_t first_row, std::size_t count) {
    constexpr std::size_t width = kernels::panel_columns;
    if (source_.hessian->dimension() != columns_)
      throw Error(ErrorKind::internal, "a Hessian of another width was given");
    device_.clear(fits_.get(), 2 * rows_, "clearing sums of errors");
    for (std::size_t first = 0; first < columns_; first += width) {
      report(first_row + count * first / columns_);
      code_panel(first, std::min(width, columns_ - first), count);
    }
    report(first_row + count);
  }

  void code_panel(std::size_t first, std::size_t width, std::size_t count) {
    // Waits for the panel before, so that Cancel need not wait for more than one.
    device_.upload(factor_.get(), source_.hessian->column(first), width * columns_,
                   "copying the Hessian's factor");
    const std::size_t size = count * kernels::panel_columns;
    float *feedback = panel_.get(), *plain = feedback + size, *targets = plain + size;
    multiply(raw_.get(), first, width, count, feedback);
    multiply(unit_.get(), first + width, width, count, plain);
    const kernels::Panel panel{unit_.get(), int(count),    int(columns_),      int(first),
                               int(width),  factor_.get(), feedback,           plain,
                               raw_.get(),  fits_.get(),   fits_.get() + rows_};
    if (is_trellis(source_.quantizer))
      code_panel_of_rings(panel, targets, targets + size);
    else
      with_book([&](auto book) {
        const std::size_t at = first / std::size_t(book.length) * std::size_t(book.width) / 8;
        device_.launch("coding a panel", &kernels::code_panel<decltype(book)>,
                       Blocks{blocks_for(count, row_threads)}, row_threads,
                       kernels::panel_shared_bytes() + book.shared_bytes(), book, panel, codes_.get() + at,
                       row_bytes_);
      });
  }

  void multiply(const float* rows, std::size_t depth, std::size_t width, std::size_t count, float* out) {
    device_.launch("multiplying by the Hessian's factor", &kernels::multiply_panel,
                   Blocks{blocks_for(count, kernels::panel_columns)}, kernels::panel_threads,
                   kernels::multiply_panel_shared_bytes(), rows, int(count), factor_.get(), int(width),
                   columns_, int(depth), out);
  }

  void code_panel_of_rings(const kernels::Panel& panel, float* targets, float* decoded) {
    constexpr std::size_t width = trellis::ring_columns;
    const Blocks blocks{blocks_for(std::size_t(panel.rows), row_threads)};
    device_.launch("aiming at targets", &kernels::aim_panel, blocks, row_threads,
                   kernels::panel_shared_bytes(), panel, targets);
    const std::size_t column = std::size_t(panel.first);
    code_and_decode(rings(targets, width, 0, std::size_t(panel.rows), column / trellis::block_columns,
                          column % trellis::block_columns / width, std::size_t(panel.count)),
                    decoded, width);
    device_.launch("settling errors", &kernels::settle_panel, blocks, row_threads,
                   kernels::panel_shared_bytes(), panel, decoded);
  }

  // --- results

  void report(std::size_t rows_done) const {
    control_.throw_if_stopped();
    control_.report(source_.name, double(rows_done * columns_), double(source_.shape.size()));
  }

  void fetch(std::size_t first, std::size_t count, QuantizedLinear& layer, std::vector<RowFit>& plain,
             std::vector<RowFit>& fits) {
    const std::size_t offset = first / coder_.row_granularity() * row_bytes_;
    device_.download(reinterpret_cast<std::uint8_t*>(layer.codes.data()) + offset, codes_.get(),
                     coder_.code_bytes({count, columns_}), "fetching codes");
    device_.download(layer.row_scales.data() + first, scales_.get(), count, "fetching row scales");
    device_.download(plain.data() + first, fits_.get(), count, "fetching sums of errors");
    if (source_.hessian)
      device_.download(fits.data() + first, fits_.get() + rows_, count, "fetching sums of errors");
  }

  Device& device_;
  const LinearSource& source_;
  const JobControl& control_;
  const Quantizer& coder_;
  std::size_t rows_, columns_; // of a slab
  std::size_t row_bytes_;      // codes of a row, or of a row of tiles
  Memory<float> raw_, unit_;   // raw weights, then what was decoded, or its errors; targets
  Memory<std::uint8_t> codes_;
  Memory<std::uint16_t> scales_;
  Memory<RowFit> fits_; // plain, then in the Hessian's norm
  Memory<unsigned> non_finite_;
  Memory<std::uint8_t> signs_;
  Memory<std::uint32_t> hadamard_;
  Memory<float> book_, thresholds_;
  Memory<std::uint32_t> values_, choices_;
  Memory<float> factor_, panel_;
};

// f16 layers need no device: slab by slab on the CPU.
inline QuantizedLinear store_as_f16(const LinearSource& source, std::size_t slab_rows,
                                    const JobControl& control) {
  const MatrixShape shape = source.shape;
  const QuantizerId id;
  QuantizedLinear layer{id, shape, {}, {}, nullptr, 0, {}};
  layer.codes.reserve(quantizer(id).code_bytes(shape));
  std::vector<float> rows(std::min(slab_rows, shape.rows) * shape.columns);
  double error = 0, energy = 0;
  for (std::size_t first = 0; first < shape.rows; first += slab_rows) {
    const std::size_t count = std::min(slab_rows, shape.rows - first);
    const auto slab = std::span(rows).first(count * shape.columns);
    source.rows(first, count, slab);
    for (std::size_t i = 0; i < slab.size(); ++i)
      if (!std::isfinite(slab[i])) throw non_finite_weight(source.name, first * shape.columns + i);
    const QuantizedLinear part =
        quantize_linear(slab, {count, shape.columns}, id, nullptr, source.name, control);
    double squares = 0; // quantize_linear leaves what it coded
    for (const float weight : slab) squares += double(weight) * double(weight);
    error += part.distortion * squares;
    energy += squares;
    layer.codes.insert(layer.codes.end(), part.codes.begin(), part.codes.end());
    control.report(source.name, double((first + count) * shape.columns), double(shape.size()));
  }
  layer.distortion = energy > 0 ? error / energy : 0;
  return layer;
}

} // namespace intarsia::cuda
