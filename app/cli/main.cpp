// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// intarsia VERB …: exits 0 on success, 2 on bad usage, 1 on anything else, with one line that says what and
// what to do.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "app/cli/session.h"
#include "app/cli/verbs.h"
#include "core/base/error.h"
#include "core/base/parallel.h"

namespace {

using namespace intarsia;
using namespace intarsia::cli;

std::vector<Verb> all_verbs() {
#define INTARSIA_MAKE_VERB(name) name##_verb(),
  return {INTARSIA_VERBS(INTARSIA_MAKE_VERB)};
#undef INTARSIA_MAKE_VERB
}

void print_overview(const std::vector<Verb>& verbs, std::FILE* to) {
  std::fputs(
      "usage: intarsia VERB [MODEL] [options]\n\nFits large language models to the device at hand.\n\n", to);
  for (const Verb& verb : verbs)
    std::fprintf(to, "  %-12s %s\n", verb.spec.name.c_str(), verb.spec.summary.c_str());
  std::fputs("\n`intarsia VERB --help` shows a verb's options; `intarsia --version` the version.\n", to);
}

const Verb& find_verb(const std::vector<Verb>& verbs, const std::string& name) {
  std::vector<std::string> names;
  for (const Verb& verb : verbs) {
    if (verb.spec.name == name) return verb;
    names.push_back(verb.spec.name);
  }
  const std::string guess = nearest(name, names);
  throw Error(ErrorKind::usage, "there is no verb \"" + name + "\"" +
                                    (guess.empty() ? "" : " (did you mean " + guess + "?)") +
                                    "; see `intarsia help`");
}

void run(const std::vector<std::string>& words) {
  const auto verbs = all_verbs();
  if (words.empty()) {
    print_overview(verbs, stderr);
    throw Error(ErrorKind::usage, "");
  }
  if (words[0] == "help" || words[0] == "--help" || words[0] == "-h") {
    if (words.size() == 1) return print_overview(verbs, stdout);
    std::fputs(help_text(find_verb(verbs, words[1]).spec).c_str(), stdout);
    return;
  }
  if (words[0] == "--version") {
    std::puts("intarsia " INTARSIA_VERSION);
    return;
  }
  const Verb& verb = find_verb(verbs, words[0]);
  const Options options(verb.spec, {words.begin() + 1, words.end()});
  if (options.help()) {
    std::fputs(help_text(verb.spec).c_str(), stdout);
    return;
  }
  const ThreadLimit threads(options.count_or("--threads", 1, 4096, 0));
  verb.run(options);
}

int complain(std::string sentence, int code) {
  end_progress();
  std::replace(sentence.begin(), sentence.end(), '\n', ' '); // one line, whatever a file's text held
  if (!sentence.empty()) std::fprintf(stderr, "intarsia: %s\n", sentence.c_str());
  return code;
}

} // namespace

int main(int argc, char** argv) {
  install_signal_handlers();
  try {
    run({argv + 1, argv + argc});
    end_progress();
    // ferror: an earlier write may have failed already, with nothing left to flush.
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
      throw Error(ErrorKind::resource, "standard output cannot be written");
    return 0;
  } catch (const Error& error) {
    return complain(error.what(), error.kind() == ErrorKind::usage ? 2 : 1);
  } catch (...) {
    return complain(current_exception_sentence(), 1);
  }
}
