// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What a misuse of GLPK's API leaves behind. Each case runs in a child process: GLPK's own answer is abort().
#include <glpk.h>
#include <memory>
#include <sys/wait.h>
#include <unistd.h>

#include "core/allocation/glpk_problem.h"
#include "core/base/error.h"
#include "tests/support/test_support.h"

using namespace intarsia;

namespace {

// One linear layer with a small and a good choice.
ChoiceTable one_layer() {
  ChoiceTable table;
  table.groups = {FusionGroup{{0}}};
  table.choices = {{0, parse_quantizer_id("nuq-2"), "cpu", 2, 10, 80, 0},
                   {0, parse_quantizer_id("nuq-4"), "cpu", 1, 20, 160, 0}};
  return table;
}

// True when GLPK's complaint arrived as an Error.
bool misuse_glpk() {
  glp_prob* wrong = glp_create_prob();
  try {
    glp_add_rows(wrong, -1);
  } catch (const Error& error) {
    return error.kind() == ErrorKind::internal;
  }
  return false;
}

bool solves(GlpkProblem& problem) {
  const auto solution =
      problem.solve(Objective::loss, {.bytes = 15.0, .code_bits = {}, .seconds = {}}, {}, {});
  return solution && solution->chosen == std::vector<std::size_t>{0};
}

// Exit status of `body` in a child process; -1 when a signal ended it.
template <typename Body>
int status_of(Body body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

} // namespace

class TestGlpkErrors : public QObject {
  Q_OBJECT
 private slots:
  void a_problem_outlives_the_environment_it_was_made_in() {
    QCOMPARE(status_of([] {
               const ChoiceTable table = one_layer();
               auto problem = std::make_unique<GlpkProblem>(table, 1);
               if (!solves(*problem)) return 1;
               if (!misuse_glpk()) return 2;
               try {
                 problem->solve(Objective::loss, {}, {}, {});
                 return 3;
               } catch (const Error& error) {
                 if (error.kind() != ErrorKind::internal) return 4;
               }
               problem.reset();
               return 0;
             }),
             0);
  }

  void the_next_problem_works_again() {
    QCOMPARE(status_of([] {
               const ChoiceTable table = one_layer();
               GlpkProblem before(table, 1);
               if (!misuse_glpk()) return 1;
               GlpkProblem after(table, 1);
               return solves(after) ? 0 : 2;
             }),
             0);
  }
};

QTEST_GUILESS_MAIN(TestGlpkErrors)
#include "test_glpk_errors.moc"
