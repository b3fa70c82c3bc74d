// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The machine that runs kernels on the host catches what a GPU would leave undefined, and its primitives
// compute what the hardware's do.
#include <climits>
#include <cmath>

#include "core/base/half.h"
#include "core/base/random.h"
#include "cuda/simt/host/launch.h"
#include "cuda/simt/simt.cuh"
#include "tests/support/test_support.h"

using namespace intarsia;
using simt::host::Buffer;
using simt::host::launch;
using simt::host::launch_checked;
using simt::host::updated;
using simt::host::written;
using test::error_of;

namespace planted { // not anonymous: the harness names kernels by their symbols

// --- kernels with one mistake each, and without

// Each thread gives its number to its neighbour through shared memory.
template <bool with_barrier>
INTARSIA_KERNEL void pass_on(int* out) {
  int* shared = simt::shared_memory<int>();
  const unsigned i = simt::thread_index().x, n = simt::block_dim().x;
  shared[i] = int(i);
  if constexpr (with_barrier) simt::block_barrier();
  out[i] = shared[(i + 1) % n];
}

// All threads add to one number without an atomic, each after a look at the others.
template <bool atomic>
INTARSIA_KERNEL void count_threads(unsigned* total) {
  if constexpr (atomic) {
    simt::atomic_add(total, 1u);
  } else {
    const unsigned before = *total;
    simt::warp_barrier();
    *total = before + simt::thread_index().x;
  }
}

// Blocks write to the same place.
INTARSIA_KERNEL void last_block_wins(unsigned* out) { *out = simt::block_index().x; }

INTARSIA_KERNEL void leave_early(int* out) {
  if (simt::thread_index().x >= 32) return;
  simt::block_barrier();
  out[simt::thread_index().x] = 1;
}

INTARSIA_KERNEL void leave_warp_early(int* out) {
  if (simt::lane() == 5) return;
  out[simt::thread_index().x] = simt::shuffle(simt::lane(), 0);
}

INTARSIA_KERNEL void diverge(int* out) {
  int value = simt::lane();
  if (value < 7)
    value = simt::shuffle(value, 0);
  else
    value = simt::shuffle_xor(value, 1);
  out[simt::thread_index().x] = value;
}

INTARSIA_KERNEL void barrier_in_a_branch(int* out) {
  if (simt::lane() % 2)
    simt::block_barrier();
  else
    simt::warp_barrier();
  out[simt::thread_index().x] = 1;
}

INTARSIA_KERNEL void leave_a_hole(int* out) {
  if (simt::thread_index().x != 3) out[simt::thread_index().x] = 1;
}

INTARSIA_KERNEL void write_behind(int* out, std::size_t place) {
  if (simt::thread_index().x == 9) out[place] = 1;
}

INTARSIA_KERNEL void read_shared_behind(int* out, std::size_t place) {
  out[simt::thread_index().x] = simt::shared_memory<int>()[place];
}

// The harness is to catch it, not the sanitizer.
[[gnu::no_sanitize("integer-divide-by-zero")]] INTARSIA_KERNEL void divide(int* out, int divisor) {
  out[simt::thread_index().x] = 7 / divisor;
}

template <int newest_left, bool commit>
INTARSIA_KERNEL void copy_through_shared(const float* in, float* out) {
  float* shared = simt::shared_memory<float>();
  const unsigned i = 4 * simt::thread_index().x;
  simt::cp_async_16(shared + i, in + i);
  if constexpr (commit) simt::cp_async_commit();
  simt::cp_async_wait<newest_left>();
  for (unsigned k = i; k < i + 4; ++k) out[k] = shared[k];
}

INTARSIA_KERNEL void vote_and_shuffle(unsigned* out) {
  const int lane = simt::lane();
  const unsigned odd = simt::ballot(lane % 2 == 1);
  unsigned sum = unsigned(lane);
  for (int mask = simt::warp_size / 2; mask > 0; mask /= 2) sum += simt::shuffle_xor(sum, mask);
  const bool right =
      simt::any(lane == 31) && !simt::any(lane == 32) && simt::all(lane < 32) && !simt::all(lane > 0);
  out[simt::thread_index().x] = odd == 0xAAAAAAAAu && sum == 496 && right &&
                                        simt::shuffle_down(lane, 3) == (lane < 29 ? lane + 3 : lane)
                                    ? 1u
                                    : 0u;
}

// --- D = A B + C for one tile

enum class Fragments { right, swapped, through_ldmatrix };

template <Fragments fragments>
INTARSIA_KERNEL void multiply_tile(const std::uint16_t* a, const std::uint16_t* b, float* d) {
  const int g = simt::lane() / 4, t = 2 * (simt::lane() % 4);
  const auto pair = [](const std::uint16_t* from, int step) {
    return std::uint32_t(from[0]) | std::uint32_t(from[step]) << 16;
  };
  std::uint32_t fragment_a[4], fragment_b[2];
  if constexpr (fragments == Fragments::through_ldmatrix) {
    std::uint16_t* shared = simt::shared_memory<std::uint16_t>(); // A, then B
    for (int i = simt::lane(); i < 16 * 16; i += simt::warp_size) shared[i] = a[i];
    for (int i = simt::lane(); i < 16 * 8; i += simt::warp_size) shared[256 + i] = b[i];
    simt::warp_barrier();
    simt::ldmatrix_x4(fragment_a, shared + simt::lane() % 16 * 16 + simt::lane() / 16 * 8);
    simt::ldmatrix_x2_trans(fragment_b, shared + 256 + simt::lane() % 16 * 8);
  } else {
    constexpr bool swapped = fragments == Fragments::swapped;
    for (int r = 0; r < 4; ++r) {
      const int down = swapped ? r / 2 : r % 2, right = swapped ? r % 2 : r / 2;
      fragment_a[r] = pair(a + (g + 8 * down) * 16 + t + 8 * right, 1);
    }
    for (int r = 0; r < 2; ++r) fragment_b[r] = pair(b + (t + 8 * r) * 8 + g, 8);
  }
  float sums[4];
  for (int r = 0; r < 4; ++r) sums[r] = d[(g + 8 * (r / 2)) * 8 + t + r % 2];
  simt::mma_m16n8k16(sums, fragment_a, fragment_b);
  for (int r = 0; r < 4; ++r) d[(g + 8 * (r / 2)) * 8 + t + r % 2] = sums[r];
}

// A 16 x 32 in unsigned bytes, B 32 x 8 in signed ones.
template <bool swapped>
INTARSIA_KERNEL void multiply_bytes(const std::uint8_t* a, const std::int8_t* b, int* d) {
  const int g = simt::lane() / 4, t = simt::lane() % 4;
  std::uint32_t fragment_a[4] = {}, fragment_b[2] = {};
  for (int r = 0; r < 4; ++r) {
    const int down = swapped ? r / 2 : r % 2, right = swapped ? r % 2 : r / 2;
    for (int k = 0; k < 4; ++k)
      fragment_a[r] |= std::uint32_t(a[(g + 8 * down) * 32 + 4 * t + 16 * right + k]) << (8 * k);
  }
  for (int r = 0; r < 2; ++r)
    for (int k = 0; k < 4; ++k)
      fragment_b[r] |= std::uint32_t(std::uint8_t(b[(4 * t + 16 * r + k) * 8 + g])) << (8 * k);
  int sums[4];
  for (int r = 0; r < 4; ++r) sums[r] = d[(g + 8 * (r / 2)) * 8 + 2 * t + r % 2];
  simt::mma_m16n8k32(sums, fragment_a, fragment_b);
  for (int r = 0; r < 4; ++r) d[(g + 8 * (r / 2)) * 8 + 2 * t + r % 2] = sums[r];
}

// Each thread takes what the one before it left.
INTARSIA_KERNEL void pass_through_one_place(int* place, int* total) {
  simt::atomic_add(total, simt::atomic_exchange(place, int(simt::thread_index().x)));
}

INTARSIA_KERNEL void half_arithmetic(const simt::Half2* a, const simt::Half2* b, const simt::Half2* c,
                                     simt::Half2* out) {
  const unsigned i = simt::block_index().x * simt::block_dim().x + simt::thread_index().x;
  out[3 * i] = simt::half2_add(a[i], b[i]);
  out[3 * i + 1] = simt::half2_mul(a[i], b[i]);
  out[3 * i + 2] = simt::half2_fma(a[i], b[i], c[i]);
}

} // namespace planted

namespace {

// The binary16 nearest to an exact value, ties to even, by looking at its neighbours; x86's 64-bit mantissa
// holds all the sums the test makes.
std::uint16_t nearest_half(long double exact) {
  std::uint16_t best = exact < 0 ? 0x8000 : 0;
  const std::uint16_t first = best;
  unsigned low = 0, high = 0x7BFF; // magnitudes are ordered as their patterns
  while (low + 1 < high) {
    const unsigned middle = (low + high) / 2;
    (half_to_float(std::uint16_t(middle)) <= std::abs(exact) ? low : high) = middle;
  }
  const long double below = std::abs(exact) - half_to_float(std::uint16_t(low));
  const long double above = half_to_float(std::uint16_t(high)) - std::abs(exact);
  best = std::uint16_t(below < above || (below == above && low % 2 == 0) ? low : high);
  return std::uint16_t(first | best);
}

std::vector<std::uint16_t> halves(const std::vector<float>& values) {
  std::vector<std::uint16_t> result;
  for (const float value : values) result.push_back(float_to_half(value));
  return result;
}

} // namespace

using namespace planted;

class TestSimtHost : public QObject {
  Q_OBJECT
 private slots:
  void right_kernels_passes() {
    Buffer<int> out(64);
    launch_checked(&pass_on<true>, {}, 64, 64 * sizeof(int), {written(out)}, out.data());
    for (int i = 0; i < 64; ++i) QCOMPARE(out[std::size_t(i)], (i + 1) % 64);
    Buffer<unsigned> total(std::vector<unsigned>{0});
    launch_checked(&count_threads<true>, {3, 2, 1}, 64, 0, {updated(total)}, total.data());
    QCOMPARE(total[0], 384u);
    Buffer<unsigned> votes(96);
    launch_checked(&vote_and_shuffle, {}, 96, 0, {written(votes)}, votes.data());
    for (const unsigned vote : votes) QCOMPARE(vote, 1u);
  }

  void races_are_caught() {
    Buffer<int> out(64);
    const std::string missing = error_of(
        [&] { launch_checked(&pass_on<false>, {}, 64, 64 * sizeof(int), {written(out)}, out.data()); });
    QVERIFY2(missing.find("pass_on") != std::string::npos, missing.c_str());
    QVERIFY2(missing.find("race") != std::string::npos, missing.c_str());
    Buffer<unsigned> total(std::vector<unsigned>{0});
    const std::string racing =
        error_of([&] { launch_checked(&count_threads<false>, {}, 64, 0, {updated(total)}, total.data()); });
    QVERIFY2(racing.find("race") != std::string::npos, racing.c_str());
    const std::string blocks =
        error_of([&] { launch_checked(&last_block_wins, {4}, 32, 0, {written(total)}, total.data()); });
    QVERIFY2(blocks.find("race") != std::string::npos, blocks.c_str());
  }

  void collectives_need_everyone_data() {
    QTest::addColumn<int>("kernel");
    QTest::addColumn<QString>("sentence");
    QTest::newRow("a warp leaves before a barrier") << 0 << "exits while thread 0 waits at block_barrier";
    QTest::newRow("a lane leaves before a shuffle") << 1 << "thread 5 of block (0, 0, 0) exits while thread";
    QTest::newRow("two shuffles") << 2
                                  << "divergent collectives: thread 0 of block (0, 0, 0) waits at shuffle";
    QTest::newRow("two barriers") << 3 << "but thread 1 of its warp at block_barrier, test_simt_host.cpp";
  }
  void collectives_need_everyone() {
    QFETCH(int, kernel);
    QFETCH(QString, sentence);
    constexpr void (*kernels[])(int*) = {&leave_early, &leave_warp_early, &diverge, &barrier_in_a_branch};
    Buffer<int> out(64);
    const std::string error = error_of([&] { launch(kernels[kernel], {}, 64, 0, out.data()); });
    QVERIFY2(QString::fromStdString(error).contains(sentence), error.c_str());
  }

  void what_is_not_written_shows() {
    Buffer<int> out(32);
    const std::string error =
        error_of([&] { launch_checked(&leave_a_hole, {}, 32, 0, {written(out)}, out.data()); });
    QVERIFY2(error.find("byte 12 of output 0") != std::string::npos, error.c_str());
    launch_checked(&leave_a_hole, {}, 32, 0, {updated(out)}, out.data());
  }

  void accesses_out_of_bounds_are_named() {
    Buffer<int> out(30, "the output"); // 8 bytes of slack before the guard
    const auto error_at = [&](std::size_t place) {
      return error_of([&] { launch(&write_behind, {}, 32, 0, out.data(), place); });
    };
    QVERIFY(error_at(29).empty());
    const std::string guard = error_at(32), slack = error_at(30);
    QVERIFY2(guard.find("write_behind") != std::string::npos, guard.c_str());
    QVERIFY2(guard.find("thread 9 of block (0, 0, 0) accesses memory 8 bytes behind the end of the output") !=
                 std::string::npos,
             guard.c_str());
    QVERIFY2(slack.find("a write behind the output") != std::string::npos, slack.c_str());
  }

  void shared_memory_has_its_bounds() {
    Buffer<int> out(32);
    const auto error_with = [&](std::size_t bytes, std::size_t place) {
      return error_of([&] { launch(&read_shared_behind, {}, 32, bytes, out.data(), place); });
    };
    QVERIFY(error_with(64, 15).empty());
    const std::string behind = error_with(64, 16), large = error_with(100 * 1024, 0);
    QVERIFY2(behind.find("0 bytes behind the end of the shared memory of 64 bytes") != std::string::npos,
             behind.c_str());
    QVERIFY2(large.find("more than the limit") != std::string::npos, large.c_str());
    QVERIFY(!error_of([&] { launch(&read_shared_behind, {}, 33, 64, out.data(), 0); }).empty());
  }

  void a_division_by_zero_is_named() {
    Buffer<int> out(32);
    const std::string error = error_of([&] { launch(&divide, {}, 32, 0, out.data(), 0); });
    QVERIFY2(error.find("thread 0 of block (0, 0, 0) divides a whole number by zero") != std::string::npos,
             error.c_str());
    launch(&divide, {}, 32, 0, out.data(), 7);
    QCOMPARE(out[31], 1);
  }

  void asynchronous_copies_land_when_they_are_waited_for() {
    const std::vector<float> values = test::gaussian(128, 1);
    Buffer<float> in(values), out(128);
    launch_checked(&copy_through_shared<0, true>, {}, 32, 512, {written(out)}, in.data(), out.data());
    QVERIFY(std::equal(out.begin(), out.end(), in.begin()));
    const std::string not_waited =
        error_of([&] { launch(&copy_through_shared<1, true>, {}, 32, 512, in.data(), out.data()); });
    QVERIFY2(not_waited.find("never waited for") != std::string::npos, not_waited.c_str());
    QVERIFY(std::isnan(out[0]));
    const std::string not_committed =
        error_of([&] { launch(&copy_through_shared<0, false>, {}, 32, 512, in.data(), out.data()); });
    QVERIFY2(not_committed.find("never waited for") != std::string::npos, not_committed.c_str());
    const std::string not_aligned =
        error_of([&] { launch(&copy_through_shared<0, true>, {}, 32, 512, in.data() + 1, out.data()); });
    QVERIFY2(not_aligned.find("not aligned") != std::string::npos, not_aligned.c_str());
  }

  void fragments_lie_as_the_ptx_manual_says() {
    const auto a = halves(test::gaussian(256, 2)), b = halves(test::gaussian(128, 3));
    const std::vector<float> c = test::gaussian(128, 4);
    std::vector<float> expected(c);
    for (std::size_t i = 0; i < 16; ++i)
      for (std::size_t j = 0; j < 8; ++j)
        for (std::size_t k = 0; k < 16; ++k)
          expected[i * 8 + j] += half_to_float(a[i * 16 + k]) * half_to_float(b[k * 8 + j]);
    const auto largest_error = [&](auto kernel) {
      Buffer<std::uint16_t> in_a(a), in_b(b);
      Buffer<float> d(c);
      launch_checked(kernel, {}, 32, 768, {updated(d)}, in_a.data(), in_b.data(), d.data());
      float largest = 0;
      for (std::size_t i = 0; i < d.size(); ++i) largest = std::max(largest, std::abs(d[i] - expected[i]));
      return largest;
    };
    QVERIFY(largest_error(&multiply_tile<Fragments::right>) < 1e-5f);
    QVERIFY(largest_error(&multiply_tile<Fragments::through_ldmatrix>) < 1e-5f);
    QVERIFY(largest_error(&multiply_tile<Fragments::swapped>) > 0.1f); // a planted wrong layout
  }

  void fragments_of_bytes_lie_as_the_ptx_manual_says() {
    Random random(6);
    std::vector<std::uint8_t> a(16 * 32);
    std::vector<std::int8_t> b(32 * 8);
    for (auto& byte : a) byte = std::uint8_t(random.next() >> 56);
    for (auto& byte : b) byte = std::int8_t(random.next() >> 56);
    std::vector<int> c(16 * 8);
    for (int& sum : c) sum = int(random.below(1u << 20)) - (1 << 19);
    c[5] = INT_MAX; // sums wrap
    b[5] = 127, a[0] = 255;
    std::vector<std::int64_t> expected(c.begin(), c.end());
    for (std::size_t i = 0; i < 16; ++i)
      for (std::size_t j = 0; j < 8; ++j)
        for (std::size_t k = 0; k < 32; ++k) expected[i * 8 + j] += int(a[i * 32 + k]) * int(b[k * 8 + j]);
    const auto wrong = [&](auto kernel) {
      Buffer<std::uint8_t> in_a(a);
      Buffer<std::int8_t> in_b(b);
      Buffer<int> d(c);
      launch_checked(kernel, {}, 32, 0, {updated(d)}, in_a.data(), in_b.data(), d.data());
      std::size_t count = 0;
      for (std::size_t i = 0; i < d.size(); ++i) count += std::uint32_t(d[i]) != std::uint32_t(expected[i]);
      return count;
    };
    QCOMPARE(wrong(&multiply_bytes<false>), std::size_t(0));
    QVERIFY(wrong(&multiply_bytes<true>) > 100); // a planted wrong layout
  }

  void exchanges_lose_nothing() {
    Buffer<int> place(std::vector<int>{1000}), total(std::vector<int>{0});
    launch(&pass_through_one_place, {}, 64, 0, place.data(), total.data());
    QCOMPARE(place[0] + total[0], 1000 + 63 * 64 / 2);
  }

  void bits_are_moved_as_on_the_device() { // PTX manual: prmt, shf.r.wrap
    QCOMPARE(simt::byte_permute(0x33221100u, 0x77665544u, 0x7410u), 0x77441100u);
    QCOMPARE(simt::byte_permute(0x800000FFu, 0x0000007Fu, 0xC8B3u), 0x00FFFF80u);
    QCOMPARE(simt::funnel_shift_right(0x89ABCDEFu, 0x01234567u, 8), 0x6789ABCDu);
    QCOMPARE(simt::funnel_shift_right(0x89ABCDEFu, 0x01234567u, 32), 0x89ABCDEFu);
  }

  void half_arithmetic_rounds_once() {
    constexpr std::size_t count = 32 * 64;
    Random random(5);
    // Exponents far apart and close together, subnormals too; finite results.
    const auto number = [&] { return std::uint16_t((random.next() & 0x83FF) | (random.below(24) << 10)); };
    std::vector<simt::Half2> a, b, c;
    for (std::size_t i = 0; i < count; ++i)
      for (auto* list : {&a, &b, &c}) list->push_back(simt::pack(number(), number()));
    a[0] = simt::make_half2(1 + 0x1p-10f, 1), b[0] = simt::make_half2(1 + 0x1p-10f, 0x1p-24f);
    c[0] = simt::make_half2(0x1p-24f, 1);
    Buffer<simt::Half2> in_a(a), in_b(b), in_c(c), out(3 * count);
    launch_checked(&half_arithmetic, {64}, 32, 0, {written(out)}, in_a.data(), in_b.data(), in_c.data(),
                   out.data());
    for (std::size_t i = 0; i < count; ++i)
      for (const bool upper : {false, true}) {
        const auto value = [&](simt::Half2 pair) {
          return static_cast<long double>(upper ? simt::high(pair) : simt::low(pair));
        };
        const auto same = [&](simt::Half2 pair, long double exact) {
          const std::uint16_t got = upper ? simt::high_bits(pair) : simt::low_bits(pair);
          return std::abs(exact) > 65504 || got == nearest_half(exact) || (exact == 0 && (got & 0x7FFF) == 0);
        };
        const long double x = value(a[i]), y = value(b[i]), z = value(c[i]);
        QVERIFY(same(out[3 * i], x + y));
        QVERIFY(same(out[3 * i + 1], x * y));
        QVERIFY(same(out[3 * i + 2], x * y + z));
      }
  }
};

QTEST_APPLESS_MAIN(TestSimtHost)
#include "test_simt_host.moc"
