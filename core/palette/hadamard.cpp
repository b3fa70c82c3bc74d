// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/palette/hadamard.h"

#include <bit>
#include <cmath>
#include <map>
#include <mutex>

#include "core/base/error.h"

namespace intarsia {
namespace {

// q = prime^degree; prime 0 when q is not a prime power.
struct PrimePower {
  std::size_t prime = 0, degree = 0;
};

PrimePower prime_power(std::size_t q) {
  if (q < 2) return {};
  std::size_t prime = 2;
  while (prime * prime <= q && q % prime != 0) ++prime;
  if (q % prime != 0) prime = q;
  std::size_t degree = 0, rest = q;
  while (rest % prime == 0) rest /= prime, ++degree;
  return rest == 1 ? PrimePower{prime, degree} : PrimePower{};
}

// GF(p^d): elements are numbers 0 … q-1 whose base-p digits are the coefficients of a polynomial, lowest
// first.
class FiniteField {
 public:
  explicit FiniteField(std::size_t q)
      : q_(q)
      , shape_(prime_power(q)) {
    for (std::size_t tail = 0; shape_.degree > 1 && tail < q; ++tail) { // x^d = -(tail)
      modulus_ = digits(tail);
      if (is_field()) break;
    }
  }

  std::size_t subtract(std::size_t a, std::size_t b) const {
    auto x = digits(a), y = digits(b);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = (x[i] + shape_.prime - y[i]) % shape_.prime;
    return number(x);
  }

  std::size_t multiply(std::size_t a, std::size_t b) const {
    const std::size_t p = shape_.prime, d = shape_.degree;
    const auto x = digits(a), y = digits(b);
    std::vector<std::size_t> product(2 * d, 0);
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = 0; j < d; ++j) product[i + j] = (product[i + j] + x[i] * y[j]) % p;
    for (std::size_t i = 2 * d - 1; i >= d; --i) // x^i = -x^(i-d) tail(x)
      for (std::size_t j = 0; j < d && d > 1; ++j)
        product[i - d + j] = (product[i - d + j] + product[i] * (p - modulus_[j])) % p;
    product.resize(d);
    return number(product);
  }

  // 1 for nonzero squares, -1 for the rest, 0 for 0.
  std::vector<int> quadratic_character() const {
    std::vector<int> chi(q_, -1);
    chi[0] = 0;
    for (std::size_t a = 1; a < q_; ++a) chi[multiply(a, a)] = 1;
    return chi;
  }

 private:
  // No zero divisors: it is enough that x has order dividing q - 1 and its powers are q - 1 different
  // elements for some element, so look for a generator.
  bool is_field() const {
    for (std::size_t candidate = 2; candidate < q_; ++candidate) {
      std::size_t power = candidate, steps = 1;
      while (power > 1 && steps < q_) power = multiply(power, candidate), ++steps;
      if (power == 1 && steps == q_ - 1) return true;
    }
    return false;
  }

  std::vector<std::size_t> digits(std::size_t value) const {
    std::vector<std::size_t> result(shape_.degree);
    for (auto& digit : result) digit = value % shape_.prime, value /= shape_.prime;
    return result;
  }

  std::size_t number(const std::vector<std::size_t>& value) const {
    std::size_t result = 0;
    for (std::size_t i = value.size(); i-- > 0;) result = result * shape_.prime + value[i];
    return result;
  }

  std::size_t q_;
  PrimePower shape_;
  std::vector<std::size_t> modulus_;
};

bool is_paley_one(std::size_t order) {
  return order >= 4 && order % 4 == 0 && prime_power(order - 1).prime != 0;
}
bool is_paley_two(std::size_t order) {
  return order >= 4 && order % 4 == 0 && (order / 2) % 2 == 0 && order / 2 >= 6 && (order / 2 - 1) % 4 == 1 &&
         prime_power(order / 2 - 1).prime != 0;
}

// The bordered Jacobsthal matrix C of order q + 1: zero diagonal, C C^T = q I; skew for q = 3 mod 4, else
// symmetric.
std::vector<int> conference_matrix(std::size_t q) {
  const FiniteField field(q);
  const auto chi = field.quadratic_character();
  const std::size_t n = q + 1;
  const int border = q % 4 == 3 ? -1 : 1;
  std::vector<int> c(n * n, 0);
  for (std::size_t i = 1; i < n; ++i) {
    c[i] = 1;
    c[i * n] = border;
    for (std::size_t j = 1; j < n; ++j) c[i * n + j] = chi[field.subtract(i - 1, j - 1)];
  }
  return c;
}

SignMatrix paley_one(std::size_t order) { // H = I + C
  const auto c = conference_matrix(order - 1);
  SignMatrix h(order * order);
  for (std::size_t i = 0; i < h.size(); ++i) h[i] = std::int8_t(c[i] + (i % (order + 1) == 0 ? 1 : 0));
  return h;
}

SignMatrix paley_two(std::size_t order) { // 0 -> [1 -1; -1 -1], +-1 -> +-[1 1; 1 -1]
  const std::size_t half = order / 2;
  const auto c = conference_matrix(half - 1);
  SignMatrix h(order * order);
  for (std::size_t i = 0; i < half; ++i)
    for (std::size_t j = 0; j < half; ++j) {
      const int value = c[i * half + j];
      const int block[4] = {value ? value : 1, value ? value : -1, value ? value : -1, value ? -value : -1};
      for (std::size_t k = 0; k < 4; ++k) h[(2 * i + k / 2) * order + 2 * j + k % 2] = std::int8_t(block[k]);
    }
  return h;
}

} // namespace

bool has_hadamard(std::size_t order) {
  return order == 1 || (order <= max_hadamard_order && (is_paley_one(order) || is_paley_two(order)));
}

namespace {

struct SignMatrices {
  SignMatrix matrix, transposed;
};

const SignMatrices& matrices_of(std::size_t order) {
  static std::mutex mutex;
  static std::map<std::size_t, SignMatrices> matrices;
  const std::scoped_lock lock(mutex);
  const auto found = matrices.find(order);
  if (found != matrices.end()) return found->second;
  if (!has_hadamard(order))
    throw Error(ErrorKind::internal, "no Hadamard matrix of order " + std::to_string(order));
  SignMatrices made{order == 1            ? SignMatrix{1}
                    : is_paley_one(order) ? paley_one(order)
                                          : paley_two(order),
                    {}};
  made.transposed.resize(made.matrix.size());
  for (std::size_t i = 0; i < order; ++i)
    for (std::size_t j = 0; j < order; ++j) made.transposed[j * order + i] = made.matrix[i * order + j];
  return matrices.emplace(order, std::move(made)).first->second;
}

} // namespace

const SignMatrix& hadamard(std::size_t order) { return matrices_of(order).matrix; }
const SignMatrix& hadamard_transposed(std::size_t order) { return matrices_of(order).transposed; }

std::vector<std::uint32_t> hadamard_signs(std::size_t order, std::size_t sylvester) {
  const SignMatrix& h = hadamard(order);
  const std::size_t size = order * sylvester, words = (size + 31) / 32;
  std::vector<std::uint32_t> signs(size * words, 0);
  for (std::size_t i = 0; i < size; ++i)
    for (std::size_t j = 0; j < size; ++j) {
      const bool outer = h[i / sylvester * order + j / sylvester] < 0;
      const bool inner = std::popcount((i & j) % sylvester) % 2 != 0;
      signs[i * words + j / 32] |= std::uint32_t(outer != inner) << (j % 32);
    }
  return signs;
}

} // namespace intarsia
