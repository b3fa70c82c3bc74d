// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Every file of ours says under which licence it is, with the additional permission that LICENSE states.
#include <QTest>
#include <array>
#include <fstream>

#include "tests/support/test_support.h"

using namespace intarsia;
namespace fs = std::filesystem;

namespace {

const std::string tag = "SPDX-License-Identifier: ";
const std::string licence = "GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA";

bool is_source(const fs::path& path) {
  constexpr std::array kinds{".h", ".cpp", ".cu", ".cuh", ".c", ".inc", ".py", ".sh", ".cmake"};
  return std::find(kinds.begin(), kinds.end(), path.extension()) != kinds.end() ||
         path.filename() == "CMakeLists.txt";
}

// What the first lines of a text say; empty where they say nothing.
std::string licence_of(std::istream& text) {
  std::string line;
  for (int i = 0; i < 3 && std::getline(text, line); ++i) // a script's first is for the shell
    if (const auto at = line.find(tag); at != std::string::npos) return line.substr(at + tag.size());
  return {};
}

} // namespace

class TestLicence : public QObject {
  Q_OBJECT
 private slots:
  void every_source_file_states_it() {
    const fs::path root = test::tests_folder().parent_path();
    int files = 0;
    for (const char* folder : {"app", "core", "cuda", "packaging", "resources", "tests", "ui"})
      for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
        if (!entry.is_regular_file() || !is_source(entry.path())) continue;
        std::ifstream file(entry.path());
        const std::string stated = licence_of(file);
        QVERIFY2(stated == licence, (entry.path().string() + ": \"" + stated + "\"").c_str());
        ++files;
      }
    QVERIFY(files > 500);
  }

  void the_licence_itself_explains_it() {
    std::ifstream file(test::tests_folder().parent_path() / "LICENSE");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    QVERIFY(text.find(tag + licence + "\n") != std::string::npos);
    QVERIFY(text.find("Additional permission under GNU GPL version 3 section 7") != std::string::npos);
  }

  void one_that_says_otherwise_is_found() {
    for (const char* wrong : {"int x;\n", "// SPDX-License-Identifier: MIT\n",
                              "// SPDX-License-Identifier: GPL-3.0-or-later\n", "\n\n\n// SPDX\n"}) {
      std::istringstream text(wrong);
      QVERIFY(licence_of(text) != licence);
    }
  }
};

QTEST_GUILESS_MAIN(TestLicence)
#include "test_licence.moc"
