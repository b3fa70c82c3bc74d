// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/palette/trellis_encoder.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/palette/trellis_encoder.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

// The search runs on states with their bits reversed: state' = (state << new bits | bits) mod 2^16, so the
// states that step t + 1 can reach from state s are those whose upper bits are s's lower bits. With k new
// bits before a step, the cheapest way into a state depends only on its upper 16 - k bits, its *group*
// (state >> k). A step reads the cheapest cost of each group before it and writes that of each group after
// it: the minimum over the 2^kn states h * groups + q (h = 0 …) that share their lower 16 - kn bits q.
//
// Costs are saturating 16-bit: (difference << doublings)^2 / 2^15 of differences in units of the values. The
// running minimum is taken off before it can fill the range.

#ifndef INTARSIA_TRELLIS_STEP
#define INTARSIA_TRELLIS_STEP
namespace intarsia {

struct TrellisStep {
  const std::int16_t* values;  // grouped
  const std::uint16_t* before; // costs of 2^(16 - bits) groups
  std::uint16_t* after;        // costs of 2^(16 - next_bits) groups
  unsigned bits, next_bits;    // new bits of this step and of the next
  int doublings;
  std::int16_t target;
};

// The inner loop works on blocks of 32 groups.
inline constexpr std::uint32_t trellis_block = 32;

} // namespace intarsia
#endif

HWY_BEFORE_NAMESPACE();
namespace intarsia::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR

void Advance(const TrellisStep& step) {
  const std::uint32_t groups = trellis::states >> step.next_bits;
  for (std::uint32_t q = 0; q < groups; ++q) {
    std::uint32_t least = 65535;
    for (std::uint32_t h = 0; h < 1u << step.next_bits; ++h) {
      const std::size_t at = ((q / trellis_block << step.next_bits) + h) * trellis_block + q % trellis_block;
      std::int32_t difference = std::clamp(step.values[at] - step.target, -32768, 32767);
      for (int i = 0; i < step.doublings; ++i) difference = std::clamp(2 * difference, -32768, 32767);
      const auto square = std::uint32_t((difference * difference + (1 << 14)) >> 15);
      least = std::min(least, square + step.before[(h * groups + q) >> step.bits]);
    }
    step.after[q] = std::uint16_t(least);
  }
  const std::uint16_t least = *std::min_element(step.after, step.after + groups);
  if (least < 2048) return;
  for (std::uint32_t q = 0; q < groups; ++q) step.after[q] = std::uint16_t(step.after[q] - least);
}

#else

using Costs = hn::CappedTag<std::uint16_t, trellis_block>;
using Differences = hn::RebindToSigned<Costs>;

// Costs of the groups of N successive states: each group's cost 2^bits times in a row. For one bit they are
// widened, else a shuffle picks them from the first eight.
template <bool one_bit, class Order>
HWY_INLINE hn::Vec<Costs> group_costs(const std::uint16_t* from, Order order) {
  const Costs d;
  if constexpr (one_bit) {
    const hn::Repartition<std::uint32_t, Costs> wide;
    const hn::Rebind<std::uint16_t, decltype(wide)> half;
    const auto costs = hn::PromoteTo(wide, hn::LoadU(half, from));
    return hn::BitCast(d, hn::Or(costs, hn::ShiftLeft<16>(costs)));
  } else {
    const hn::Repartition<std::uint8_t, Costs> bytes;
    return hn::BitCast(d, hn::TableLookupBytes(hn::BitCast(bytes, hn::LoadDup128(d, from)), order));
  }
}

template <int next_bits, int doublings, bool one_bit>
hn::Vec<Costs> advance(const TrellisStep& step) {
  const Costs d;
  const Differences ds;
  const std::size_t lanes = hn::Lanes(d);
  const std::uint32_t groups = trellis::states >> next_bits;
  std::uint16_t byte_order[trellis_block]; // two byte indices a lane
  for (std::size_t i = 0; i < trellis_block; ++i)
    byte_order[i] = std::uint16_t(((i % lanes) >> step.bits) * 0x0202 + 0x0100);
  const auto order = hn::BitCast(hn::Repartition<std::uint8_t, Costs>(), hn::LoadU(d, byte_order));
  const auto target = hn::Set(ds, step.target);
  auto min_of_all = hn::Set(d, 65535);
  for (std::uint32_t q = 0; q < groups; q += trellis_block)
    for (std::uint32_t lane = 0; lane < trellis_block; lane += std::uint32_t(lanes)) {
      const std::int16_t* values = step.values + (std::size_t(q) << next_bits) + lane;
      auto least = hn::Set(d, 65535);
      HWY_UNROLL(32)
      for (std::uint32_t h = 0; h < 1u << next_bits; ++h) {
        auto difference = hn::SaturatedSub(hn::LoadU(ds, values + h * trellis_block), target);
        for (int i = 0; i < doublings; ++i) difference = hn::SaturatedAdd(difference, difference);
        const auto square = hn::BitCast(d, hn::MulFixedPoint15(difference, difference));
        const auto before = group_costs<one_bit>(step.before + ((h * groups + q + lane) >> step.bits), order);
        least = hn::Min(least, hn::SaturatedAdd(square, before));
      }
      hn::StoreU(least, d, step.after + q + lane);
      min_of_all = hn::Min(min_of_all, least);
    }
  return min_of_all;
}

template <int next_bits, int doublings>
hn::Vec<Costs> advance(const TrellisStep& step) {
  return step.bits == 1 ? advance<next_bits, doublings, true>(step)
                        : advance<next_bits, doublings, false>(step);
}

template <int next_bits>
hn::Vec<Costs> advance(const TrellisStep& step) {
  return step.doublings == 0 ? advance<next_bits, 0>(step) : advance<next_bits, 1>(step);
}

hn::Vec<Costs> advance(const TrellisStep& step) {
  switch (step.next_bits) {
  case 1:
    return advance<1>(step);
  case 2:
    return advance<2>(step);
  case 3:
    return advance<3>(step);
  case 4:
    return advance<4>(step);
  default:
    return advance<5>(step);
  }
}

void Advance(const TrellisStep& step) {
  const Costs d;
  const auto least = hn::MinOfLanes(d, advance(step));
  if (hn::GetLane(least) < 2048) return;
  for (std::uint32_t q = 0; q < trellis::states >> step.next_bits; q += std::uint32_t(hn::Lanes(d)))
    hn::StoreU(hn::Sub(hn::LoadU(d, step.after + q), least), d, step.after + q);
}

#endif

} // namespace intarsia::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace intarsia {
namespace {

HWY_EXPORT(Advance);

using trellis::ring_weights;
using trellis::state_bits;

constexpr unsigned seam = 64;          // steps before and after the ends that decide the bits they share
constexpr std::size_t read_ahead = 32; // costs that a vector may load beyond the last
constexpr unsigned doubled_from_quarters = 18;

std::uint16_t reversed(std::uint32_t state) {
  std::uint32_t result = 0;
  for (unsigned bit = 0; bit < state_bits; ++bit) result |= (state >> bit & 1) << (state_bits - 1 - bit);
  return std::uint16_t(result);
}

unsigned bits_of(unsigned step, unsigned quarters) {
  return trellis::new_bits(step % ring_weights, quarters);
}

} // namespace

// Steps first, first + 1 … (modulo 256). `group`: of the state before, where it is known.
struct TrellisEncoder::Span {
  unsigned first, count;
  bool group_known;
  std::uint32_t group;
};

TrellisEncoder::TrellisEncoder(unsigned quarters, std::span<const std::int16_t> values, float factor)
    : quarters_(quarters)
    , factor_(factor)
    , doublings_(quarters >= doubled_from_quarters ? 1 : 0)
    , stride_((std::size_t(trellis::states) >> quarters / 4) + read_ahead)
    , values_(trellis::states) {
  for (std::uint32_t state = 0; state < trellis::states; ++state) values_[state] = values[reversed(state)];
  for (unsigned step = 0; step < 4; ++step) {
    const unsigned bits = bits_of(step, quarters);
    if (!grouped_[bits].empty()) continue;
    const std::uint32_t groups = trellis::states >> bits;
    auto& grouped = grouped_[bits];
    grouped.resize(trellis::states);
    for (std::uint32_t q = 0; q < groups; ++q)
      for (std::uint32_t h = 0; h < 1u << bits; ++h)
        grouped[((std::size_t(q) / trellis_block << bits) + h) * trellis_block + q % trellis_block] =
            values_[h * groups + q];
  }
}

TrellisEncoder::Scratch::Scratch(const TrellisEncoder& encoder)
    : costs_(std::make_unique_for_overwrite<std::uint16_t[]>(encoder.stride_ * (ring_weights + 1))) {}

std::uint16_t* TrellisEncoder::costs_before(Scratch& scratch, unsigned step) const {
  return scratch.costs_.get() + stride_ * step;
}

// Exactly what the vector loop computes.
std::uint32_t TrellisEncoder::cost(std::uint32_t state, std::int32_t target) const {
  std::int32_t difference = std::clamp(values_[state] - target, -32768, 32767);
  for (int i = 0; i < doublings_; ++i) difference = std::clamp(2 * difference, -32768, 32767);
  return std::min<std::uint32_t>(32767, std::uint32_t((difference * difference + (1 << 14)) >> 15));
}

void TrellisEncoder::run(const Span& span, const std::int16_t* targets, Scratch& scratch,
                         std::uint16_t* states) const {
  const std::uint32_t first_groups = trellis::states >> bits_of(span.first, quarters_);
  std::uint16_t* start = costs_before(scratch, 0);
  std::fill_n(start, first_groups, std::uint16_t(span.group_known ? 65535 : 0));
  if (span.group_known) start[span.group] = 0;
  for (unsigned i = 0; i < span.count; ++i) {
    const unsigned step = span.first + i, bits = bits_of(step, quarters_),
                   next = bits_of(step + 1, quarters_);
    HWY_DYNAMIC_DISPATCH(Advance)
    ({grouped_[next].data(), costs_before(scratch, i), costs_before(scratch, i + 1), bits, next, doublings_,
      targets[step % ring_weights]});
  }
  const std::uint16_t* end = costs_before(scratch, span.count);
  const std::uint32_t last_groups = trellis::states >> bits_of(span.first + span.count, quarters_);
  const auto group =
      span.group_known ? span.group : std::uint32_t(std::min_element(end, end + last_groups) - end);
  trace_back(span, targets, scratch, group, states);
}

// `group`: of the state after the last step. Which state each survivor came from is computed again from the
// costs, which is less work than storing it for all of them.
void TrellisEncoder::trace_back(const Span& span, const std::int16_t* targets, Scratch& scratch,
                                std::uint32_t group, std::uint16_t* states) const {
  for (unsigned i = span.count; i-- > 0;) {
    const unsigned step = span.first + i, bits = bits_of(step, quarters_),
                   next = bits_of(step + 1, quarters_);
    const std::uint16_t* before = costs_before(scratch, i);
    const std::uint32_t groups = trellis::states >> next;
    std::uint32_t best = group, least = UINT32_MAX;
    for (std::uint32_t state = group; state < trellis::states; state += groups) {
      const std::uint32_t total = cost(state, targets[step % ring_weights]) + before[state >> bits];
      if (total < least) least = total, best = state;
    }
    states[i] = std::uint16_t(best);
    group = best >> bits;
  }
}

void TrellisEncoder::encode(Weights weights, Scratch& scratch, States states) const {
  std::int16_t targets[ring_weights];
  for (unsigned t = 0; t < ring_weights; ++t)
    targets[t] = std::int16_t(std::lrint(std::clamp(weights[t] * factor_, -32767.f, 32767.f)));
  std::uint16_t found[ring_weights];
  run({ring_weights - seam, 2 * seam, false, 0}, targets, scratch, found);
  run({0, ring_weights, true, std::uint32_t(found[seam]) >> bits_of(0, quarters_)}, targets, scratch, found);
  close(found);
  std::transform(found, found + ring_weights, states.begin(), reversed);
}

// Far outside of a Gaussian's range costs saturate, and the path found may not meet its own beginning. What
// counts is the bits that each step adds: the windows over them are what will be decoded.
void TrellisEncoder::close(std::uint16_t* states) const {
  std::uint32_t state = states[ring_weights - 1];
  for (unsigned i = 0; i < 2 * ring_weights; ++i) { // the first lap finds the state before step 0
    const unsigned step = i % ring_weights, bits = bits_of(step, quarters_);
    state = (state << bits | (states[step] & ((1u << bits) - 1))) & (trellis::states - 1);
    states[step] = std::uint16_t(state);
  }
}

} // namespace intarsia
#endif
