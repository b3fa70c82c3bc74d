// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <QTemporaryDir>
#include <cmath>

#include "core/artifact/open_model.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/evaluation/evaluation.h"
#include "core/sensitivity/clipped_mean.h"
#include "core/sensitivity/fisher.h"
#include "core/sensitivity/sensitivity.h"
#include "tests/support/one_document.h"
#include "tests/support/test_support.h"
#include "tests/support/tiny_model.h"

using namespace intarsia;

namespace {

std::vector<int> random_tokens(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<int> tokens(count);
  for (int& token : tokens) token = int(random.below(64));
  return tokens;
}

} // namespace

class TestSensitivity : public QObject {
  Q_OBJECT

  static std::unique_ptr<LanguageModel> load(const WeightSource& source) {
    return load_on_cpu(source, {.half_precision_cache = false, .half_precision_weights = false}, {});
  }

  std::unique_ptr<Checkpoint> tiny_checkpoint(bool tied) const {
    test::TinyModel tiny;
    tiny.blocks = 3;
    tiny.tied = tied;
    const auto path = std::filesystem::path(folder_.path().toStdString()) / (tied ? "tied" : "model");
    test::write_tiny_model(path, tiny);
    return open_checkpoint(path);
  }

 private slots:
  void initTestCase() {
    checkpoint_ = tiny_checkpoint(false);
    source_ = dense_weights(*checkpoint_);
    model_ = load(*source_);
  }

  // One token at a time is the forward pass, beyond one chunk of tokens too.
  void steps_make_the_whole() {
    for (const std::size_t count : {1u, 40u, 128u, 300u}) {
      const auto tokens = random_tokens(count, count);
      const auto sequence = model_->new_sequence(count);
      const auto whole = sequence->forward(tokens, false, {});
      sequence->truncate(0);
      std::vector<float> steps;
      for (const int token : tokens) {
        const auto row = sequence->forward(std::span(&token, 1), true, {});
        steps.insert(steps.end(), row.begin(), row.end());
      }
      for (std::size_t i = 0; i < whole.size(); ++i) QVERIFY(std::abs(steps[i] - whole[i]) < 2e-4f);
    }
  }

  void the_same_seed_gives_the_same_and_leaves_the_model_alone() {
    const auto tokens = random_tokens(20, 3);
    const auto before = model_->new_sequence(20)->forward(tokens, false, {});
    SensitivityOptions options;
    options.samples = 2;
    options.sequence_length = 24;
    const auto first = estimate_sensitivity(*model_, *source_, "tiny", {}, options, {});
    const auto second = estimate_sensitivity(*model_, *source_, "tiny", {}, options, {});
    QVERIFY(first.layers == second.layers);
    QVERIFY(first.standard_errors == second.standard_errors);
    QCOMPARE(first.layers.size(), std::size_t(23)); // embedding and head too
    QCOMPARE(first.method, std::string("data-free"));
    for (const auto& [layer, value] : first.layers)
      QVERIFY2(value > 0 && std::isfinite(value), layer.c_str());
    QVERIFY(model_->new_sequence(20)->forward(tokens, false, {}) == before);
    options.seed = 2;
    QVERIFY(estimate_sensitivity(*model_, *source_, "tiny", {}, options, {}).layers != first.layers);
  }

  // loss(Q) - loss(W) ~ a_l D_l: what it predicts for noise of another size in one layer is what is measured.
  void predicts_the_divergence_of_a_distorted_layer_data() {
    QTest::addColumn<bool>("tied");
    QTest::newRow("a head of its own") << false;
    QTest::newRow("tied embeddings") << true;
  }
  void predicts_the_divergence_of_a_distorted_layer() {
    QFETCH(bool, tied);
    const auto checkpoint = tiny_checkpoint(tied);
    const auto source = dense_weights(*checkpoint);
    const auto clean = load(*source), noisy = load(*source);
    const auto text = random_tokens(400, 9);
    SensitivityOptions options;
    options.samples = 96;
    options.sequence_length = 50;
    const auto sensitivity = estimate_sensitivity(*clean, *source, "tiny", text, options, {});
    QCOMPARE(sensitivity.method, std::string("text"));
    for (const char* name : {"model.layers.0.self_attn.v_proj", "model.layers.1.mlp.down_proj",
                             "model.layers.2.mlp.gate_proj", "model.embed_tokens", "lm_head"}) {
      const LinearLayer* found = clean->graph().find(name);
      if (!found) continue; // no head where it is tied
      const LinearLayer& layer = *found;
      double measured = 0;
      constexpr double variance = 0.02;
      constexpr int draws = 6;
      for (int draw = 0; draw < draws; ++draw) {
        auto weights = std::get<DenseLinear>(source->linear(layer));
        Random random{std::uint64_t(draw) + 77};
        for (std::size_t row = 0; row < layer.d_out; ++row) {
          double energy = 0;
          for (std::size_t i = 0; i < layer.d_in; ++i)
            energy += std::pow(double(weights.weights[row * layer.d_in + i]), 2);
          for (std::size_t i = 0; i < layer.d_in; ++i)
            weights.weights[row * layer.d_in + i] +=
                float(std::sqrt(variance * energy / double(layer.d_in))) * random.normal();
        }
        noisy->replace_linear(name, weights);
        measured += divergence(*noisy, *clean, test::one_document(text), {50, 0}, {}).mean_kl / draws;
      }
      noisy->replace_linear(name, source->linear(layer));
      const double predicted = sensitivity.layers.at(name) * variance;
      if (std::abs(std::log(measured / predicted)) > std::log(1.4))
        QFAIL(qPrintable(QString("%1: predicted %2, measured %3").arg(name).arg(predicted).arg(measured)));
      QVERIFY(sensitivity.standard_errors.at(name) < 0.5 * sensitivity.layers.at(name));
    }
  }

  // A batch gives what its sequences would alone, to the last bit.
  void a_batch_is_its_sequences() {
    constexpr std::size_t count = 5, length = 9;
    const auto batch = model_->new_batch(count, length);
    std::vector<std::unique_ptr<Sequence>> alone;
    for (std::size_t i = 0; i < count; ++i) alone.push_back(model_->new_sequence(length));
    for (std::size_t step = 0; step < length; ++step) {
      const auto tokens = random_tokens(count, step);
      const auto logits = batch->step(tokens, {});
      std::vector<float> expected;
      for (std::size_t i = 0; i < count; ++i) {
        const auto row = alone[i]->forward(std::span(tokens).subspan(i, 1), true, {});
        expected.insert(expected.end(), row.begin(), row.end());
      }
      QVERIFY(logits == expected);
    }
    QVERIFY(test::error_of([&] { batch->step(random_tokens(count, 1), {}); }).find("no room") !=
            std::string::npos);
  }

  // What a sequence says does not depend on those it is computed with, beyond one group too.
  void sequences_do_not_mix() {
    std::vector<Tokens> sequences;
    for (std::uint64_t i = 0; i < 70; ++i) sequences.push_back(random_tokens(32, i));
    const auto all = fisher_curvature(*source_, sequences, 5, cpu_products(), {});
    const std::vector<Tokens> one(sequences.begin(), sequences.begin() + 1);
    for (const auto& [layer, values] : fisher_curvature(*source_, one, 5, cpu_products(), {})) {
      QCOMPARE(all.at(layer).size(), sequences.size());
      QCOMPARE(all.at(layer)[0], values[0]);
    }
  }

  // On any number of threads, in one call or several.
  void gradients_of_a_sequence_are_its_own() {
    std::vector<Tokens> sequences;
    for (std::uint64_t i = 0; i < 70; ++i) sequences.push_back(random_tokens(32, i));
    OutputGradients all(source_->config().head_dim), parts = all, with_curvature = all;
    add_output_gradients(*source_, sequences, {5, 0}, cpu_products(), {}, all);
    fisher_curvature(*source_, sequences, 5, cpu_products(), {}, 0, &with_curvature);
    {
      const ThreadLimit limit(1);
      const std::vector<Tokens> head(sequences.begin(), sequences.begin() + 3),
          tail(sequences.begin() + 3, sequences.end());
      add_output_gradients(*source_, head, {5, 0}, cpu_products(), {}, parts);
      add_output_gradients(*source_, tail, {5, 3}, cpu_products(), {}, parts);
    }
    QVERIFY(all.finite());
    for (const LinearLayer& layer : source_->graph().linears) {
      const auto norms = all.norms(layer.name);
      QCOMPARE(norms.size(), sequences.size() * 32);
      QVERIFY(std::ranges::equal(norms, parts.norms(layer.name)));
      QVERIFY(std::ranges::equal(norms, with_curvature.norms(layer.name)));
      QVERIFY(*std::ranges::max_element(norms) > 0);
    }
  }

  void one_odd_text_does_not_outweigh_the_others() {
    std::vector<double> values(99, 1.0);
    values.push_back(1000);
    const Estimate estimate = clipped_mean(values);
    QVERIFY(std::abs(estimate.mean - 1.03) < 1e-12); // it counts for 4
    QVERIFY(std::abs(estimate.standard_error - 0.03) < 1e-12);
    const std::vector<double> usual{1, 2, 3, 4};
    QCOMPARE(clipped_mean(usual).mean, 2.5); // nothing clipped
    QVERIFY(std::abs(clipped_mean(usual).standard_error - std::sqrt(5.0 / 12)) < 1e-12);
    const std::vector<double> rare{0, 0, 0, 4};
    QCOMPARE(clipped_mean(rare).mean, 1.0);
    QCOMPARE(clipped_mean(std::vector<double>{5.0}).standard_error, 0.0);
    QVERIFY(std::isnan(clipped_mean(std::vector<double>{1, NAN, 2}).mean));
  }

  void stops_and_refuses() {
    std::stop_source stop;
    stop.request_stop();
    QCOMPARE(test::error_of([&] {
               estimate_sensitivity(*model_, *source_, "tiny", {}, {}, {{}, stop.get_token()});
             }),
             std::string("cancelled"));
    SensitivityOptions none;
    none.samples = 0;
    QVERIFY(test::error_of([&] {
              estimate_sensitivity(*model_, *source_, "tiny", {}, none, {});
            }).find("at least one sample") != std::string::npos);
    const std::vector<int> short_text(1, 5);
    QVERIFY(test::error_of([&] {
              estimate_sensitivity(*model_, *source_, "tiny", short_text, {}, {});
            }).find("too short") != std::string::npos);
  }

 private:
  QTemporaryDir folder_;
  std::unique_ptr<Checkpoint> checkpoint_;
  std::unique_ptr<WeightSource> source_;
  std::unique_ptr<LanguageModel> model_;
};

QTEST_APPLESS_MAIN(TestSensitivity)
#include "test_sensitivity.moc"
