// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Feedback from row to row, beside that from column to column (feedback.h): what the errors of some rows do
// to what the model says is made good by the rows coded after them, as far as the gradients of the loss by
// these outputs correlate (YAQA, arXiv 2505.22988). With errors E [rows, columns], H_O = E[g g'] = U U^T and
// H_I of the inputs the loss is tr(H_O E H_I E^T) = tr((U^T E) H_I (U^T E)^T): where rows k are done, block
// b's best errors are -U_bb^-T sum_k U_kb^T E_k whatever H_I is, so these are added to its weights, and it is
// coded as rows always are. Gradients are correlated within a head of the queries or keys; H_O is
// block-diagonal.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/base/progress.h"
#include "core/palette/linear_source.h"

namespace intarsia {

// U of H_O, for a layer whose rows are heads of `head_rows` rows.
class RowFactor {
 public:
  // moments: [heads, head_rows, head_rows]. A tenth of the mean of a head's diagonal is added to it: of few
  // tokens the rest is noise.
  RowFactor(std::span<const float> moments, std::size_t head_rows);
  // Whether whole heads fill whole panels (quantizer.h) of such a layer.
  static bool serves(std::size_t rows, std::size_t head_rows);

  // A group: as few panels as hold whole heads. Its rows are coded strip by strip; `order` counts them so.
  std::size_t groups() const { return groups_; }
  std::size_t group_rows() const { return group_rows_; }
  std::size_t strips() const; // of a group
  float at(std::size_t group, std::size_t order, std::size_t later) const {
    return factor_[(group * group_rows_ + order) * group_rows_ + later];
  }
  // What this feedback leaves of the loss: sum_b |U_bb|^2 / |U|^2 over strips b.
  double feedback_factor() const;

 private:
  void factor_group(std::size_t group, std::span<const float> moments, std::size_t head_rows);

  std::size_t groups_, group_rows_;
  std::vector<float> factor_; // U, [groups, group_rows, group_rows], upper triangles in order of coding
};

// What `encode` does with `source`, strip by strip. Deterministic where that is.
QuantizedLinear encode_by_strips(const LinearSource& source, const RowFactor& rows,
                                 const EncodeLinear& encode, const JobControl& control);

} // namespace intarsia
