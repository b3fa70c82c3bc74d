// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Fixed-width codes packed little-endian: code i of width w lies at bits [i w, i w + w) of the row, bit 0
// being the lowest of byte 0. A row begins at a byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace intarsia {

inline std::size_t packed_row_bytes(std::size_t codes, unsigned width) { return (codes * width + 7) / 8; }

class BitWriter {
 public:
  explicit BitWriter(std::span<std::byte> out)
      : out_(out) {}
  void put(std::uint32_t code, unsigned width) { // width <= 16
    pending_ |= std::uint64_t(code) << filled_;
    filled_ += width;
    for (; filled_ >= 8; filled_ -= 8, pending_ >>= 8) out_[position_++] = std::byte(pending_ & 0xFF);
  }
  void finish() { // the last, partly filled byte
    if (filled_ > 0) out_[position_] = std::byte(pending_ & 0xFF);
  }

 private:
  std::span<std::byte> out_;
  std::size_t position_ = 0;
  std::uint64_t pending_ = 0;
  unsigned filled_ = 0;
};

class BitReader {
 public:
  explicit BitReader(std::span<const std::byte> in)
      : in_(in) {}
  std::uint32_t get(unsigned width) { // width <= 16
    if (filled_ < width) refill();
    const std::uint32_t code = std::uint32_t(pending_) & ((1u << width) - 1);
    pending_ >>= width;
    filled_ -= width;
    return code;
  }

 private:
  void refill() {
    if (position_ + 4 <= in_.size()) {
      std::uint32_t word;
      std::memcpy(&word, in_.data() + position_, 4);
      pending_ |= std::uint64_t(word) << filled_;
      position_ += 4;
      filled_ += 32;
      return;
    }
    while (position_ < in_.size()) {
      pending_ |= std::uint64_t(in_[position_++]) << filled_;
      filled_ += 8;
    }
  }

  std::span<const std::byte> in_;
  std::size_t position_ = 0;
  std::uint64_t pending_ = 0;
  unsigned filled_ = 0;
};

} // namespace intarsia
