// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Hadamard matrices: H H^T = K I with entries +-1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace intarsia {

// A matrix of order K, row-major +-1.
using SignMatrix = std::vector<std::int8_t>;

constexpr std::size_t max_hadamard_order = 512; // larger dense factors would cost more than they gain

// True for 1, and for the orders up to max_hadamard_order that Paley's constructions reach: K - 1 = q a
// prime power, q = 3 mod 4 (I), or K / 2 - 1 = q a prime power, q = 1 mod 4 (II). Powers of two are left to
// the fast transform.
bool has_hadamard(std::size_t order);

// The matrix (cached for the life of the program). order: one for which has_hadamard() holds.
const SignMatrix& hadamard(std::size_t order);
const SignMatrix& hadamard_transposed(std::size_t order);

// The signs of hadamard(order) (x) Sylvester's matrix of `sylvester`, a power of two: a set bit is a -1, bit
// j % 32 of word j / 32 in its row, rows in whole words.
std::vector<std::uint32_t> hadamard_signs(std::size_t order, std::size_t sylvester);

} // namespace intarsia
