// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <QTemporaryDir>
#include <cmath>

#include "core/artifact/open_model.h"
#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/evaluation/evaluation.h"
#include "tests/support/one_document.h"
#include "tests/support/test_support.h"

using namespace intarsia;

namespace {

double log_probability(std::span<const float> logits, int token) {
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double(logit));
  return double(logits[std::size_t(token)]) - std::log(sum);
}

} // namespace

class TestEvaluation : public QObject {
  Q_OBJECT

  OpenedModel opened_ = open_model(test::tests_folder() / "golden/runtime/gqa");
  std::unique_ptr<LanguageModel> model_ =
      load_on_cpu(opened_.weights(), {.half_precision_cache = false, .half_precision_weights = false}, {});
  std::vector<int> tokens_ = [] {
    std::vector<int> tokens;
    for (int i = 0; i < 50; ++i) tokens.push_back(i * 7 % 96);
    return tokens;
  }();
  // One document.
  EvaluationText plain(int bos) const { return {tokens_, {0}, bos}; }

 private slots:
  void perplexity_is_what_the_logits_say() {
    double sum = 0;
    std::size_t count = 0;
    for (std::size_t start = 0; start < tokens_.size(); start += 16) {
      const std::vector<int> window(tokens_.begin() + std::ptrdiff_t(start),
                                    tokens_.begin() + std::ptrdiff_t(std::min(start + 16, tokens_.size())));
      const auto logits = model_->new_sequence(16)->forward(window, false, {});
      for (std::size_t i = 1; i < window.size(); ++i, ++count)
        sum -= log_probability(std::span(logits).subspan((i - 1) * 96, 96), window[i]);
    }
    const auto result = perplexity(*model_, plain(-1), {16, 0}, {});
    QCOMPARE(result.tokens, count);
    QCOMPARE(result.windows, std::size_t(4));
    QVERIFY(std::abs(result.mean_nll - sum / double(count)) < 1e-6);
    QVERIFY(std::abs(result.perplexity - std::exp(result.mean_nll)) < 1e-9);
  }

  void with_a_begin_token_every_token_is_scored() {
    QCOMPARE(perplexity(*model_, plain(1), {16, 0}, {}).tokens, tokens_.size());
  }

  void divergence_from_itself_is_zero_and_from_another_is_not() {
    const auto same = divergence(*model_, *model_, plain(-1), {32, 0}, {});
    QVERIFY(same.mean_kl < 1e-12);
    QCOMPARE(same.top1_agreement, 1.0);
    const OpenedModel other = open_model(test::tests_folder() / "golden/runtime/biased");
    const auto different = load_on_cpu(other.weights(), {}, {});
    const auto result = divergence(*different, *model_, plain(-1), {32, 0}, {});
    QVERIFY(result.mean_kl > 0.01);
    QVERIFY(result.reference.mean_nll == same.model.mean_nll);
  }

  void windows_do_not_cross_documents() {
    const EvaluationText text{tokens_, {0, 10, 11, 30}, -1}; // of 10, 1, 19 and 20 tokens
    double sum = 0;
    std::size_t count = 0, windows = 0;
    for (const auto& [begin, size] :
         std::vector<std::pair<int, int>>{{0, 10}, {11, 16}, {27, 3}, {30, 16}, {46, 4}}) {
      const auto result = perplexity(
          *model_, test::one_document(std::span(tokens_).subspan(std::size_t(begin), std::size_t(size))),
          {16, 0}, {});
      sum += result.mean_nll * double(result.tokens), count += result.tokens, ++windows;
    }
    const auto result = perplexity(*model_, text, {16, 0}, {});
    QCOMPARE(result.tokens, count);
    QCOMPARE(result.windows, windows);
    QVERIFY(std::abs(result.mean_nll - sum / double(count)) < 1e-9);
  }

  void a_begin_token_that_is_there_is_not_put_there_again() {
    EvaluationText text = plain(tokens_[0]);
    const auto expected = perplexity(*model_, plain(-1), {50, 0}, {});
    const auto result = perplexity(*model_, text, {50, 0}, {});
    QCOMPARE(result.tokens, expected.tokens);
    QCOMPARE(result.mean_nll, expected.mean_nll);
  }

  void a_sample_is_whole_windows_spread_evenly() {
    const auto all = perplexity(*model_, plain(-1), {5, 0}, {}),
               some = perplexity(*model_, plain(-1), {5, 20}, {});
    QCOMPARE(all.windows, std::size_t(10));
    QCOMPARE(some.windows, std::size_t(4));
    double sum = 0;
    for (const std::size_t window : {0u, 2u, 5u, 7u})
      sum += perplexity(*model_, test::one_document(std::span(tokens_).subspan(5 * window, 5)), {5, 0}, {})
                 .mean_nll /
             4;
    QVERIFY(std::abs(some.mean_nll - sum) < 1e-9);
    QVERIFY(some.standard_error > 0);
    QCOMPARE(perplexity(*model_, plain(-1), {5, 1}, {}).windows, std::size_t(1));
  }

  void documents_are_found_in_texts() {
    const OpenedModel demo = open_model(built_in_model());
    const Tokenizer& tokenizer = *demo.tokenizer;
    const EvaluationText chats = evaluation_text(tokenizer, "<|begin|>one<|end|>two<|end|>\n<|begin|>three");
    QCOMPARE(chats.documents.size(), std::size_t(2));
    QCOMPARE(chats.tokens[chats.documents[1]], tokenizer.spec().bos);
    QCOMPARE(chats.bos, -1); // this tokenizer puts nothing before a text
    const EvaluationText ended = evaluation_text(tokenizer, "one<|end|>two<|end|>");
    QCOMPARE(ended.documents.size(), std::size_t(2));
    QCOMPARE(ended.tokens[ended.documents[1] - 1], tokenizer.spec().eos);
    const EvaluationText corpus = evaluation_text(tokenizer, "one<|endoftext|>two<|endoftext|>");
    QCOMPARE(corpus.documents.size(), std::size_t(2));
    QVERIFY(tokenizer.decode(corpus.tokens).find("endoftext") == std::string::npos);
    QCOMPARE(evaluation_text(tokenizer, "just a text").documents.size(), std::size_t(1));
    QVERIFY(description(chats, tokenizer).find("2 documents, nothing") != std::string::npos);
  }

  void kl_of_known_distributions() {
    const std::vector<float> p{std::log(0.5f), std::log(0.5f)}, q{std::log(0.25f), std::log(0.75f)};
    QVERIFY(std::abs(kl_divergence(p, q) - (0.5 * std::log(2.0) + 0.5 * std::log(2.0 / 3))) < 1e-6);
    const std::vector<float> shifted{p[0] + 90, p[1] + 90}; // logits are only known up to a constant
    QVERIFY(kl_divergence(p, shifted) < 1e-6);
    const std::vector<float> sure{1000, -1000}; // no overflow
    QVERIFY(std::isfinite(kl_divergence(sure, p)));
    const std::vector<float> broken{NAN, NAN}; // a broken model must not look perfect
    QVERIFY(std::isnan(kl_divergence(p, broken)) && std::isnan(kl_divergence(broken, p)));
    const std::vector<float> never{0, -INFINITY}; // 0 log 0 counts nothing
    QVERIFY(std::abs(kl_divergence(never, p) - std::log(2.0)) < 1e-6);
  }

  void a_model_that_computes_nan_is_refused() {
    const OpenedModel opened = open_model(test::tests_folder() / "golden/runtime/gqa");
    const auto broken = load_on_cpu(opened.weights(), {}, {});
    const LinearLayer& layer = opened.graph().linears[0];
    broken->replace_linear(layer.name,
                           DenseLinear{{layer.d_out, layer.d_in}, std::vector<float>(layer.weights(), NAN)});
    QVERIFY(test::error_of([&] {
              perplexity(*broken, plain(-1), {16, 0}, {});
            }).find("not finite") != std::string::npos);
    QVERIFY(test::error_of([&] {
              divergence(*broken, *model_, plain(-1), {16, 0}, {});
            }).find("not finite") != std::string::npos);
  }

  void what_is_no_text_is_refused() {
    QTemporaryDir dir;
    const std::filesystem::path file = std::filesystem::path(dir.path().toStdString()) / "text.txt";
    const auto sentence = [&](const std::string& bytes) {
      test::write_file(file, bytes);
      return test::error_of([&] { read_corpus(file); });
    };
    QCOMPARE(sentence("caf\xC3\xA9 and a broken \xFF"), std::string());
    QVERIFY(sentence("\xFF\xFEh\0i\0").find("is UTF-16 text") != std::string::npos);
    QVERIFY(sentence(std::string("h\0i\0", 4)).find("its byte 1 is 0") != std::string::npos);
  }

  void misuse_and_cancelling_are_said() {
    QVERIFY(test::error_of([&] {
              perplexity(*model_, plain(-1), {1, 0}, {});
            }).find("at least 2") != std::string::npos);
    QVERIFY(test::error_of([&] {
              perplexity(*model_, EvaluationText{{1}, {0}, -1}, {16, 0}, {});
            }).find("too short") != std::string::npos);
    std::stop_source stop;
    stop.request_stop();
    QCOMPARE(test::error_of([&] {
               perplexity(*model_, plain(-1), {16, 0}, {{}, stop.get_token()});
             }),
             std::string("cancelled"));
  }
};

QTEST_APPLESS_MAIN(TestEvaluation)
#include "test_evaluation.moc"
