// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Sentences and colours: each sentence about what more of a budget buys is checked by solving again, with an
// allocator of its own.
#include <QLocale>
#include <array>
#include <cmath>

#include "core/checkpoint/checkpoint.h"
#include "core/device/device_profile.h"
#include "core/sensitivity/provisional_sensitivity.h"
#include "tests/support/test_support.h"
#include "ui/allocation/plan_text.h"
#include "ui/budget/budget_text.h"
#include "ui/theme/theme.h"

using namespace intarsia;
using namespace intarsia::ui;

namespace {

constexpr int timeout = 120000; // ms; a slow machine needs longer, no result depends on it

using Vector = std::array<double, 3>;

double to_linear(double c) { return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4); }

Vector times(const std::array<Vector, 3>& m, const Vector& v) {
  Vector out{};
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j) out[i] += m[i][j] * v[j];
  return out;
}

// CIELAB, D65, of linear sRGB.
Vector lab(const Vector& linear) {
  constexpr std::array<Vector, 3> to_xyz{{{0.4124564, 0.3575761, 0.1804375},
                                          {0.2126729, 0.7151522, 0.0721750},
                                          {0.0193339, 0.1191920, 0.9503041}}};
  const Vector xyz = times(to_xyz, linear);
  const auto f = [](double t) { return t > 216.0 / 24389 ? std::cbrt(t) : (24389.0 / 27 * t + 16) / 116; };
  const double x = f(xyz[0] / 0.95047), y = f(xyz[1]), z = f(xyz[2] / 1.08883);
  return {116 * y - 16, 500 * (x - y), 200 * (y - z)};
}

// CIEDE2000 (Sharma, Wu, Dalal 2005).
double difference(const Vector& p, const Vector& q) {
  const double pi = std::acos(-1.0), rad = pi / 180;
  const double mean_chroma = (std::hypot(p[1], p[2]) + std::hypot(q[1], q[2])) / 2;
  const auto seventh = [](double c) {
    return std::sqrt(std::pow(c, 7) / (std::pow(c, 7) + std::pow(25.0, 7)));
  };
  const double g = (1 - seventh(mean_chroma)) / 2;
  const double a1 = (1 + g) * p[1], a2 = (1 + g) * q[1];
  const double c1 = std::hypot(a1, p[2]), c2 = std::hypot(a2, q[2]);
  const auto hue = [&](double a, double b) {
    const double h = std::atan2(b, a) / rad;
    return h < 0 ? h + 360 : h;
  };
  const double h1 = hue(a1, p[2]), h2 = hue(a2, q[2]);
  double dh = c1 * c2 == 0 ? 0 : h2 - h1;
  if (dh > 180) dh -= 360;
  if (dh < -180) dh += 360;
  const double dl = q[0] - p[0], dc = c2 - c1, big_h = 2 * std::sqrt(c1 * c2) * std::sin(dh / 2 * rad);
  double mean_h = h1 + h2;
  if (c1 * c2 != 0)
    mean_h = std::abs(h1 - h2) <= 180 ? mean_h / 2 : mean_h < 360 ? mean_h / 2 + 180 : mean_h / 2 - 180;
  const double l = (p[0] + q[0]) / 2 - 50, c = (c1 + c2) / 2;
  const double t = 1 - 0.17 * std::cos((mean_h - 30) * rad) + 0.24 * std::cos(2 * mean_h * rad) +
                   0.32 * std::cos((3 * mean_h + 6) * rad) - 0.2 * std::cos((4 * mean_h - 63) * rad);
  const double sl = 1 + 0.015 * l * l / std::sqrt(20 + l * l), sc = 1 + 0.045 * c, sh = 1 + 0.015 * c * t;
  const double turn = 60 * std::exp(-std::pow((mean_h - 275) / 25, 2));
  const double rt = -2 * seventh(c) * std::sin(turn * rad);
  return std::sqrt(std::pow(dl / sl, 2) + std::pow(dc / sc, 2) + std::pow(big_h / sh, 2) +
                   rt * dc / sc * big_h / sh);
}

// Simulated sight (Machado, Oliveira, Fernandes 2009, severity 1), in linear sRGB.
struct Sight {
  const char* name;
  std::array<Vector, 3> matrix;
};
constexpr std::array sights{
    Sight{"normal", {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}},
    Sight{"protanopia",
          {{{0.152286, 1.052583, -0.204868},
            {0.114503, 0.786281, 0.099216},
            {-0.003882, -0.048116, 1.051998}}}},
    Sight{
        "deuteranopia",
        {{{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}}}},
    Sight{"tritanopia",
          {{{1.255528, -0.076749, -0.178779},
            {-0.078411, 0.930809, 0.147602},
            {0.004733, 0.691367, 0.303900}}}}};

Vector seen(const QColor& colour, const Sight& sight) {
  Vector linear =
      times(sight.matrix, {to_linear(colour.redF()), to_linear(colour.greenF()), to_linear(colour.blueF())});
  for (double& channel : linear) channel = std::clamp(channel, 0.0, 1.0);
  return lab(linear);
}

std::optional<double> percent_in(const QString& sentence) {
  static const QRegularExpression pattern("by ([0-9.]+) %");
  const auto match = pattern.match(sentence);
  return match.hasMatch() ? std::optional(match.captured(1).toDouble()) : std::nullopt;
}

} // namespace

class TestTexts : public QObject {
  Q_OBJECT

  std::unique_ptr<Checkpoint> checkpoint_ = open_checkpoint(test::tests_folder() / "golden/runtime/gqa");
  AllocationProblem problem_;

  // What the solver thread says when it has said everything.
  SolverAnswer answer_to(const AllocationRequest& request) {
    SolverThread solver;
    SolverAnswer last;
    connect(&solver, &SolverThread::answered, this, [&](const SolverAnswer& answer) { last = answer; });
    solver.set_problem(problem_);
    solver.request(request);
    const auto complete = [&] {
      return !last.problem.isEmpty() ||
             (last.plan && last.more_memory && (!request.latency_seconds || last.more_time));
    };
    [&] { QTRY_VERIFY_WITH_TIMEOUT(complete(), timeout); }();
    return last;
  }

  void check_price(const QString& sentence, double loss, const AllocationRequest& more) {
    Allocator allocator(problem_);
    const double then = allocator.solve(more, {}).predicted.loss;
    const double percent = 100 * (loss - then) / loss;
    if (const auto said = percent_in(sentence))
      QVERIFY2(std::abs(*said - percent) < 0.6, qPrintable(sentence + QString(", but %1").arg(percent)));
    else
      QVERIFY2(percent < 0.1, qPrintable(sentence + QString(", but %1 %").arg(percent)));
  }

 private slots:
  void initTestCase() {
    QLocale::setDefault(QLocale::c());
    problem_.config = checkpoint_->config();
    problem_.graph = checkpoint_->graph();
    problem_.sensitivity = provisional_sensitivity(problem_.config, problem_.graph);
  }
  void init() { problem_.latency.reset(); }

  void half_bits_are_told_apart_by_everybody() {
    QVERIFY(std::abs(difference({50, 2.6772, -79.7751}, {50, 0, -82.7485}) - 2.0425) < 1e-4); // of the paper
    QVERIFY(std::abs(difference({2.0776, 0.0795, -1.1350}, {0.9033, -0.0636, -0.5514}) - 0.9082) < 1e-4);
    for (const Sight& sight : sights) {
      double lightness = -1;
      for (int step = 0; step < 13; ++step) {
        const Vector here = seen(heat_colour(step / 13.0), sight),
                     next = seen(heat_colour((step + 1) / 13.0), sight);
        QVERIFY2(
            difference(here, next) >= 6,
            qPrintable(QString("%1, step %2: %3").arg(sight.name).arg(step).arg(difference(here, next))));
        QVERIFY(here[0] > lightness); // darker is always fewer bits
        lightness = here[0];
      }
    }
  }

  void budgets_are_read_as_people_write_them() {
    const MemoryBudget bits = BitsPerWeight{4}, bytes = MemoryBytes{std::uint64_t(5) << 30};
    QCOMPARE(std::get<BitsPerWeight>(read_memory("3,25", bits)).bits, 3.25);
    QCOMPARE(std::get<BitsPerWeight>(read_memory("3.25 bits", bytes)).bits, 3.25);
    QCOMPARE(std::get<MemoryBytes>(read_memory("8", bytes)).bytes, std::uint64_t(8) << 30);
    QCOMPARE(std::get<MemoryBytes>(read_memory("25", MemoryBytes{26 << 20})).bytes, std::uint64_t(25) << 20);
    QCOMPARE(std::get<MemoryBytes>(read_memory("1,5 gib", bits)).bytes, std::uint64_t(3) << 29);
    QCOMPARE(std::get<MemoryBytes>(read_memory("1.024,5 KiB", bits)).bytes, std::uint64_t(1049088));
    QCOMPARE(std::get<ModelFraction>(read_memory("40 %", bytes)).fraction, 0.4);
    QCOMPARE(read_latency("6,5"), 0.0065);
    QCOMPARE(read_latency("200 TOK/S"), 0.005);
    QVERIFY(test::error_of([&] { read_memory("a lot", bytes); }).find("a lot") != std::string::npos);
    QVERIFY(!test::error_of([&] { read_memory("-3", bytes); }).empty());
  }

  void one_budget_in_three_units() {
    const Allocator allocator(problem_);
    const BudgetScale scale{allocator.memory_scale(64), 1e6, 5e4};
    for (const MemoryBudget& unit :
         {MemoryBudget(BitsPerWeight{4}), MemoryBudget(ModelFraction{0.4}), MemoryBudget(MemoryBytes{1})}) {
      const double bytes = scale.bits.bytes(3.5);
      const MemoryBudget budget = budget_of_bytes(bytes, unit, scale);
      QCOMPARE(budget.index(), unit.index());
      QVERIFY(std::abs(bytes_of_budget(budget, scale) / bytes - 1) < 0.01);
      QVERIFY(same_memory(read_memory(memory_text(BitsPerWeight{3.25}), unit), BitsPerWeight{3.25}));
    }
  }

  // The scale that the slider stands on, against plans: of b bits where embedding and head are at their best.
  void the_scale_is_what_plans_take() {
    Allocator allocator(problem_);
    AllocationRequest request;
    request.context = 64;
    for (const double bits : {3.0, 4.0, 6.0}) {
      request.memory = BitsPerWeight{bits};
      const Plan plan = allocator.solve(request, {});
      const double told = allocator.memory_scale(64).bytes(plan.predicted.bits_per_weight);
      QVERIFY(std::abs(told / double(plan.predicted.memory_bytes) - 1) < 0.01);
    }
  }

  void memory_prices_are_what_solving_again_gives() {
    const Allocator allocator(problem_);
    for (const double part : {0.1, 0.4, 0.8, 1.2}) {
      AllocationRequest request;
      request.context = 64;
      request.gap = 1e-6;
      const auto range = allocator.memory_range(64);
      const double bytes = range.low + (range.high - range.low) * part;
      request.memory = MemoryBytes{std::uint64_t(bytes)};
      const SolverAnswer answer = answer_to(request);
      AllocationRequest more = request;
      more.memory = MemoryBytes{std::uint64_t(bytes) + std::uint64_t(answer.more_memory->amount)};
      const QString sentence = memory_price(answer);
      check_price(sentence, answer.plan->predicted.loss, more);
      QVERIFY(!sentence.contains("latency")); // there is no such budget
      if (part > 1) QVERIFY(sentence.contains("every layer has the best quantizer"));
    }
  }

  void latency_prices_too_and_who_decides() {
    const auto folder = test::resources_folder() / "device-profiles";
    problem_.latency =
        estimate_latency(read_device_profile(folder / (device_profile_names(folder).front() + ".json")),
                         problem_.config, problem_.graph, 32);
    Allocator allocator(problem_);
    const auto range = *allocator.latency_range();
    bool memory_decided = false; // that the latency budget decides is made to appear in test_planning_8b
    for (const double part : {0.02, 0.3, 1.0})
      for (const double bits : {2.0, 3.0, 8.0}) {
        AllocationRequest request;
        request.context = 64;
        request.gap = 1e-6;
        request.memory = BitsPerWeight{bits};
        request.latency_seconds = range.low + (range.high - range.low) * part + range.low * 0.01;
        const SolverAnswer answer = answer_to(request);
        if (!answer.plan) continue;
        AllocationRequest more = request;
        more.latency_seconds = *request.latency_seconds + answer.more_time->amount;
        check_price(latency_price(answer), answer.plan->predicted.loss, more);
        more = request;
        more.memory =
            BitsPerWeight{bits + 8 * answer.more_memory->amount / double(problem_.graph.linear_weights())};
        check_price(memory_price(answer), answer.plan->predicted.loss, more);
        memory_decided = memory_decided || latency_price(answer).contains("the memory budget decides");
      }
    QVERIFY(memory_decided);
  }

  void a_loss_in_words() {
    QVERIFY(perplexity_text(0.086).contains("about 9 %"));
    QVERIFY(perplexity_text(1e-5).contains("less than 0.1 %"));
    QVERIFY(perplexity_text(1).contains("2.7 times"));
    const QString thousands = QLocale().toString(3000.0, 'f', 0); // not 3e+03
    QVERIFY2(perplexity_text(8.01).contains("about " + thousands + " times"),
             qPrintable(perplexity_text(8.01)));
    Plan plan, single;
    single.layers["a"] = {parse_quantizer_id("tcq-4"), "cpu"};
    plan.predicted.loss = 0.1;
    single.predicted.loss = 0.32;
    QCOMPARE(comparison_text(plan, single), QString("3.2 times less loss than TCQ-4 in every layer"));
    single.predicted.loss = 0.101;
    QCOMPARE(comparison_text(plan, single), QString("As good as TCQ-4 in every layer"));
  }
};

QTEST_GUILESS_MAIN(TestTexts)
#include "test_texts.moc"
