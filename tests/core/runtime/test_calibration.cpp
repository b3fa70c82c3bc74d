// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <QTemporaryDir>
#include <cmath>
#include <cstring>

#include "core/artifact/open_model.h"
#include "core/base/mapped_file.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/palette/quantized_linear.h"
#include "core/runtime/calibration.h"
#include "tests/support/test_support.h"
#include "tests/support/tiny_model.h"

using namespace intarsia;

namespace {

bool same_factor(const HessianFactor& a, const HessianFactor& b) {
  for (std::size_t j = 0; j < a.dimension(); ++j)
    if (std::memcmp(a.column(j), b.column(j), a.dimension() * sizeof(float)) != 0) return false;
  return true;
}

} // namespace

class TestCalibration : public QObject {
  Q_OBJECT

  std::filesystem::path path(const char* name) const {
    return std::filesystem::path(folder_.path().toStdString()) / name;
  }
  // 30 sequences of 50 tokens: several chunks, the last smaller.
  static std::vector<std::vector<int>> text() {
    Random random(1);
    std::vector<std::vector<int>> sequences(30, std::vector<int>(50));
    for (auto& sequence : sequences)
      for (int& token : sequence) token = int(random.below(64));
    return sequences;
  }
  Calibration make() const { return Calibration(*source_, text(), cpu_products()); }
  using Factors = std::map<std::string, std::shared_ptr<const HessianFactor>>;
  Factors factors_of_block(Calibration& calibration) const {
    Factors factors;
    const std::size_t block = calibration.next_block();
    for (const LinearLayer& layer : source_->graph().linears)
      if (layer.block == block) factors[layer.input] = calibration.factor(layer, Rotation(layer.d_in, 5));
    return factors;
  }
  Factors all_factors(Calibration& calibration) const {
    Factors all;
    for (std::size_t block = calibration.next_block(); block < source_->config().blocks; ++block) {
      calibration.read_block({});
      all.merge(factors_of_block(calibration));
      calibration.pass_block({});
    }
    return all;
  }
  static bool same(const Factors& a, const Factors& b) {
    return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&](const auto& entry) {
             return same_factor(*entry.second, *b.at(entry.first));
           });
  }

 private slots:
  void initTestCase() {
    test::write_tiny_model(path("model"));
    checkpoint_ = open_checkpoint(path("model"));
    source_ = dense_weights(*checkpoint_);
  }

  // The inputs as the running model has them, summed independently.
  void moments_are_those_of_the_inputs() {
    const auto model = load_on_cpu(*source_, {.half_precision_cache = false}, {});
    std::map<std::string, std::vector<double>> sums;
    model->observe_inputs([&](const std::string& input, std::span<const float> x, std::size_t count) {
      const std::size_t n = x.size() / count;
      auto& sum = sums[input];
      sum.resize(n * n);
      for (std::size_t t = 0; t < count; ++t)
        for (std::size_t i = 0; i < n; ++i)
          for (std::size_t j = 0; j < n; ++j) sum[i * n + j] += double(x[t * n + i]) * x[t * n + j];
    });
    const auto sequence = model->new_sequence(50);
    for (const auto& tokens : text()) {
      sequence->truncate(0);
      sequence->forward(tokens, true, {});
    }
    Calibration calibration = make();
    QCOMPARE(calibration.tokens(), std::size_t(1500));
    const Factors factors = all_factors(calibration);
    QCOMPARE(factors.size(), std::size_t(8)); // two blocks, four inputs each
    for (const LinearLayer& layer : source_->graph().linears) {
      const auto& sum = sums.at(layer.input);
      const HessianFactor expected(std::vector<float>(sum.begin(), sum.end()), Rotation(layer.d_in, 5));
      for (std::size_t j = 0; j < layer.d_in; ++j)
        for (std::size_t i = 0; i <= j; ++i)
          QVERIFY(std::abs(factors.at(layer.input)->column(j)[i] - expected.column(j)[i]) <
                  1e-3f * (std::abs(expected.column(j)[j]) + 1));
    }
  }

  // Where a layer has gradients, tokens count by their length; another that reads the same keeps its own.
  void tokens_are_weighed_by_their_gradients() {
    const std::string block = "model.layers.0.self_attn.";
    const LayerGraph& graph = source_->graph();
    OutputGradients gradients(source_->config().head_dim);
    const LinearLayer &q = *graph.find(block + "q_proj"), &k = *graph.find(block + "k_proj");
    const auto dy = test::gaussian(1500 * q.d_out, 3);
    gradients.add(q, std::span(dy).first(1000 * q.d_out));
    gradients.add(q, std::span(dy).subspan(1000 * q.d_out));
    std::vector<double> sum(q.d_in * q.d_in);
    const auto model = load_on_cpu(*source_, {.half_precision_cache = false}, {});
    std::size_t token = 0;
    model->observe_inputs([&](const std::string& input, std::span<const float> x, std::size_t count) {
      if (input != q.input) return;
      for (std::size_t t = 0; t < count; ++t, ++token) {
        double squares = 0;
        for (std::size_t i = 0; i < q.d_out; ++i) squares += std::pow(double(dy[token * q.d_out + i]), 2);
        for (std::size_t i = 0; i < q.d_in * q.d_in; ++i)
          sum[i] += std::sqrt(squares) * double(x[t * q.d_in + i / q.d_in]) * x[t * q.d_in + i % q.d_in];
      }
    });
    const auto sequence = model->new_sequence(50);
    for (const auto& tokens : text()) {
      sequence->truncate(0);
      sequence->forward(tokens, true, {});
    }
    Calibration calibration(*source_, text(), cpu_products(), &gradients);
    calibration.read_block({});
    const Rotation rotation(q.d_in, 5);
    const auto weighed = calibration.factor(q, rotation), alike = calibration.factor(k, rotation);
    const HessianFactor expected(std::vector<float>(sum.begin(), sum.end()), rotation);
    for (std::size_t j = 0; j < q.d_in; ++j)
      for (std::size_t i = 0; i <= j; ++i)
        QVERIFY(std::abs(weighed->column(j)[i] - expected.column(j)[i]) <
                1e-3f * (std::abs(expected.column(j)[j]) + 1));
    Calibration plain = make();
    plain.read_block({});
    QVERIFY(same_factor(*alike, *plain.factor(k, rotation)));
  }

  void gradients_are_read_as_they_were_written() {
    OutputGradients gradients(source_->config().head_dim);
    std::uint64_t seed = 0;
    for (const LinearLayer& layer : source_->graph().linears)
      gradients.add(layer, test::gaussian(7 * layer.d_out, ++seed));
    const auto taken = [&](const std::string& bytes) {
      OutputGradients again(source_->config().head_dim);
      if (!again.read(std::as_bytes(std::span(bytes)), source_->graph())) {
        if (again.tokens() != 0) throw std::logic_error("something was read");
        return false;
      }
      return again.tokens() == 7 &&
             std::ranges::all_of(source_->graph().linears, [&](const LinearLayer& layer) {
               return std::ranges::equal(again.norms(layer.name), gradients.norms(layer.name)) &&
                      std::ranges::equal(again.head_moments(layer.name), gradients.head_moments(layer.name));
             });
    };
    const std::string bytes = gradients.to_bytes();
    QVERIFY(taken(bytes));
    QVERIFY(!taken(bytes.substr(0, bytes.size() - 4)) && !taken(bytes + "four") && !taken(""));
    for (const std::size_t at :
         {std::size_t(3), std::size_t(9), std::size_t(15), std::size_t(20), bytes.size() / 2}) {
      std::string damaged = bytes;
      damaged[at] = char(damaged[at] ^ 0x10);
      QVERIFY(!taken(damaged));
    }
  }

  void the_number_of_threads_does_not_matter() {
    Factors one;
    {
      const ThreadLimit limit(1);
      Calibration calibration = make();
      one = all_factors(calibration);
    }
    for (const std::size_t threads : {2u, 7u}) {
      const ThreadLimit limit(threads);
      Calibration calibration = make();
      QVERIFY(same(one, all_factors(calibration)));
    }
  }

  void the_stream_goes_on_from_a_file() {
    Calibration first = make();
    first.read_block({});
    first.pass_block({});
    first.save(path("stream"));
    const Factors expected = all_factors(first);
    Calibration second = make();
    QVERIFY(second.restore(path("stream")));
    QCOMPARE(second.next_block(), std::size_t(1));
    QVERIFY(same(expected, all_factors(second)));
    // Without having read the block, as a run that finds it done.
    Calibration third = make();
    third.pass_block({});
    QVERIFY(same(expected, all_factors(third)));
  }

  void another_stream_is_not_taken() {
    Calibration calibration = make();
    QVERIFY(!calibration.restore(path("none")));
    calibration.pass_block({});
    calibration.save(path("good"));
    QFile file(QString::fromStdString(path("good").string()));
    QVERIFY(file.open(QIODevice::ReadOnly));
    const QByteArray bytes = file.readAll();
    const auto refused = [&](QByteArray changed) {
      test::write_file(path("bad"), changed.toStdString());
      Calibration fresh = make();
      return !fresh.restore(path("bad")) && fresh.next_block() == 0;
    };
    QVERIFY(!refused(bytes));
    QVERIFY(refused(bytes.left(bytes.size() - 4)) && refused(bytes.left(20)) && refused({}));
    for (const qsizetype at : {qsizetype(3), qsizetype(9), qsizetype(20), bytes.size() / 2}) {
      QByteArray damaged = bytes;
      damaged[at] = char(damaged[at] ^ 0x10);
      QVERIFY(refused(damaged));
    }
  }

  void a_stop_leaves_the_stream_where_it_was() {
    Calibration whole = make();
    const Factors expected = all_factors(whole);
    Calibration calibration = make();
    for (int i = 0; i < 4; ++i) {
      std::stop_source stop;
      int reports = 0;
      const JobControl control{[&](const Progress& progress) {
                                 if (progress.done > 0 && ++reports == 1) stop.request_stop();
                               },
                               stop.get_token()};
      QCOMPARE(
          test::error_of([&] { i % 2 ? calibration.pass_block(control) : calibration.read_block(control); }),
          std::string("cancelled"));
      QCOMPARE(calibration.next_block(), std::size_t(0));
    }
    QVERIFY(same(expected, all_factors(calibration)));
  }

  void unequal_sequences_are_refused() {
    auto sequences = text();
    sequences.back().pop_back();
    QVERIFY(test::error_of([&] { Calibration(*source_, sequences, cpu_products()); }).find("unequal") !=
            std::string::npos);
  }

 private:
  QTemporaryDir folder_;
  std::unique_ptr<Checkpoint> checkpoint_;
  std::unique_ptr<WeightSource> source_;
};

QTEST_APPLESS_MAIN(TestCalibration)
#include "test_calibration.moc"
