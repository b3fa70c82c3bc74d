// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <QTemporaryDir>
#include <cmath>

#include "core/base/random.h"
#include "core/runtime/backend.h"
#include "core/runtime/block_gradient.h"
#include "core/runtime/dense_products.h"
#include "core/runtime/rms_norm.h"
#include "tests/support/test_support.h"
#include "tests/support/tiny_model.h"

using namespace intarsia;

namespace {

constexpr std::size_t sequences = 3, length = 7, block = 1;

std::vector<float> noise(std::size_t count, std::uint64_t seed, float scale = 1) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = scale * random.normal();
  return values;
}

double inner(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += double(a[i]) * double(b[i]);
  return sum;
}

// The checkpoint with `step` times a direction added to one linear.
class Moved : public WeightSource {
 public:
  Moved(const WeightSource& source, std::string name, std::vector<float> direction, float step)
      : source_(source)
      , name_(std::move(name))
      , direction_(std::move(direction))
      , step_(step) {}
  const ModelConfig& config() const override { return source_.config(); }
  const LayerGraph& graph() const override { return source_.graph(); }
  std::vector<float> vector(std::string_view name) const override { return source_.vector(name); }
  LinearWeights linear(const LinearLayer& layer) const override {
    auto weights = std::get<DenseLinear>(source_.linear(layer));
    if (layer.name == name_)
      for (std::size_t i = 0; i < weights.weights.size(); ++i) weights.weights[i] += step_ * direction_[i];
    return weights;
  }

 private:
  const WeightSource& source_;
  std::string name_;
  std::vector<float> direction_;
  float step_;
};

} // namespace

class TestBlockGradient : public QObject {
  Q_OBJECT

  // <slope, what the block gives>, a loss whose gradient by the output is `slope`.
  double loss(const WeightSource& source, std::vector<float> residual) const {
    BlockGradient(source, block, cpu_products(), control_, length).forward(residual, length);
    return inner(residual, slope_);
  }

  // Against central differences: by the block's input, and by the weights of every linear.
  void check_backward(const WeightSource& source, std::size_t linears, float step) {
    std::map<std::string, std::vector<float>> gradients;
    std::vector<float> gradient = slope_, residual = entering_;
    BlockGradient differentiated(source, block, cpu_products(), control_, length);
    differentiated.forward(residual, length);
    differentiated.backward(gradient, [&](const LinearLayer& layer, const DenseLinear& weights,
                                          std::span<const float> x, std::span<const float> dy) {
      QCOMPARE(weights.shape.rows, layer.d_out);
      QVERIFY(!gradients.contains(layer.name));
      auto& of_weights = gradients[layer.name];
      of_weights.resize(layer.weights());
      for (std::size_t t = 0; t < sequences * length; ++t)
        for (std::size_t row = 0; row < layer.d_out; ++row)
          for (std::size_t i = 0; i < layer.d_in; ++i)
            of_weights[row * layer.d_in + i] += dy[t * layer.d_out + row] * x[t * layer.d_in + i];
    });
    QCOMPARE(gradients.size(), linears);

    const auto direction = noise(entering_.size(), 3);
    auto ahead = entering_, behind = entering_;
    for (std::size_t i = 0; i < direction.size(); ++i) {
      ahead[i] += step * direction[i];
      behind[i] -= step * direction[i];
    }
    compare("input", inner(gradient, direction), (loss(source, ahead) - loss(source, behind)) / (2 * step),
            std::sqrt(inner(gradient, gradient)));
    for (const auto& [name, of_weights] : gradients) {
      const auto along = noise(of_weights.size(), 5, 0.05f);
      compare(name, inner(of_weights, along),
              (loss(Moved(source, name, along, step), entering_) -
               loss(Moved(source, name, along, -step), entering_)) /
                  (2 * step),
              0.05 * std::sqrt(inner(of_weights, of_weights)));
    }
  }

 private slots:
  void initTestCase() {
    test::TinyModel tiny;
    tiny.blocks = 2;
    const std::filesystem::path path = std::filesystem::path(folder_.path().toStdString()) / "model";
    test::write_tiny_model(path, tiny);
    checkpoint_ = open_checkpoint(path);
    source_ = dense_weights(*checkpoint_);
    entering_ = noise(sequences * length * source_->config().hidden, 1);
    slope_ = noise(entering_.size(), 2);
  }

  // The block that is differentiated is the block that runs.
  void forward_is_the_models() {
    const auto model = load_on_cpu(*source_, {.half_precision_cache = false}, {});
    std::vector<int> tokens(sequences * length);
    Random random(4);
    for (int& token : tokens) token = int(random.below(source_->config().vocabulary));
    const DenseLinear embedding = to_dense(source_->linear(source_->graph().embedding));
    const std::size_t hidden = source_->config().hidden;
    std::vector<float> residual;
    for (const int token : tokens) {
      const float* row = embedding.weights.data() + std::size_t(token) * hidden;
      residual.insert(residual.end(), row, row + hidden);
    }
    for (std::size_t b = 0; b < 2; ++b)
      BlockGradient(*source_, b, cpu_products(), control_).forward(residual, length);
    const auto gain = source_->vector("model.norm.weight");
    std::vector<float> normed(residual.size());
    rms_norm(residual, gain, float(source_->config().rms_epsilon), normed);
    const auto& graph = source_->graph();
    const DenseLinear head = to_dense(source_->linear(graph.head ? *graph.head : graph.embedding));
    std::vector<float> logits(tokens.size() * head.shape.rows);
    cpu_products().multiply(head, normed, tokens.size(), logits, control_);
    for (std::size_t s = 0; s < sequences; ++s) {
      const auto expected =
          model->new_sequence(length)->forward(std::span(tokens).subspan(s * length, length), false, {});
      for (std::size_t i = 0; i < expected.size(); ++i)
        QVERIFY(std::abs(expected[i] - logits[s * expected.size() + i]) < 2e-4f);
    }
  }

  void backward_is_the_slope() { check_backward(*source_, 7, 2e-3f); }

  // With all that a family has beyond Llama (tests/golden/families).
  void backward_is_the_slope_in_every_family_data() {
    QTest::addColumn<QString>("folder");
    for (const auto& entry : std::filesystem::directory_iterator(test::tests_folder() / "golden/families"))
      if (entry.is_directory())
        QTest::newRow(entry.path().filename().c_str()) << QString::fromStdString(entry.path().string());
  }

  void backward_is_the_slope_in_every_family() {
    QFETCH(QString, folder);
    const auto checkpoint = open_checkpoint(folder.toStdString());
    const auto source = dense_weights(*checkpoint);
    const auto entering = entering_, slope = slope_;
    entering_ = noise(sequences * length * source->config().hidden, 1);
    slope_ = noise(entering_.size(), 2);
    std::size_t linears = 0;
    for (const LinearLayer& layer : source->graph().linears) linears += layer.block == block;
    check_backward(*source, linears, 1e-3f);
    entering_ = entering;
    slope_ = slope;
  }

  void products_are_right_at_any_size() {
    for (const std::size_t rows : {1u, 33u, 1025u})
      for (const std::size_t columns : {1u, 31u, 70u})
        for (const std::size_t tokens : {1u, 65u}) {
          const DenseLinear w{{rows, columns}, noise(rows * columns, rows)};
          const auto x = noise(tokens * columns, 7), y = noise(tokens * rows, 8);
          std::vector<float> forward(tokens * rows), back(tokens * columns);
          cpu_products().multiply(w, x, tokens, forward, control_);
          cpu_products().multiply_transposed(w, y, tokens, back, control_);
          // <y, x W'> = <y W, x>, and a single value of each
          const double both = inner(y, forward);
          QVERIFY(std::abs(both - inner(back, x)) < 1e-4 * std::sqrt(inner(y, y) * inner(forward, forward)));
          double last = 0;
          for (std::size_t i = 0; i < columns; ++i)
            last += double(w.weights[(rows - 1) * columns + i]) * double(x[(tokens - 1) * columns + i]);
          QVERIFY(std::abs(last - double(forward.back())) < 1e-4 * (1 + std::abs(last)));
        }
  }

  void stops() {
    std::stop_source stop;
    stop.request_stop();
    const JobControl stopped{{}, stop.get_token()};
    auto residual = entering_;
    QCOMPARE(test::error_of(
                 [&] { BlockGradient(*source_, block, cpu_products(), stopped).forward(residual, length); }),
             std::string("cancelled"));
  }

 private:
  static void compare(const std::string& what, double slope, double difference, double scale) {
    if (!(std::abs(slope - difference) < 5e-3 * scale))
      QFAIL(qPrintable(QString("%1: slope %2, difference %3, a usual slope is %4")
                           .arg(QString::fromStdString(what))
                           .arg(slope)
                           .arg(difference)
                           .arg(scale)));
  }

  QTemporaryDir folder_;
  std::unique_ptr<Checkpoint> checkpoint_;
  std::unique_ptr<WeightSource> source_;
  std::vector<float> entering_, slope_;
  JobControl control_;
};

QTEST_GUILESS_MAIN(TestBlockGradient)
#include "test_block_gradient.moc"
