// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <algorithm>

#include "cuda/launch/cublas_folders.h"
#include "tests/support/test_support.h"

using namespace intarsia;
namespace fs = std::filesystem;

class TestCublasFolders : public QObject {
  Q_OBJECT

  QTemporaryDir folder_;
  fs::path root() const { return folder_.path().toStdString(); }
  fs::path make(const fs::path& folder) const {
    fs::create_directories(root() / folder);
    return root() / folder;
  }
  // Those below the test's folder; what this machine has is not asked.
  std::vector<fs::path> found(const cuda::Surroundings& surroundings) const {
    std::vector<fs::path> folders = cuda::cublas_folders(surroundings);
    std::erase_if(folders, [&](const fs::path& each) { return !each.string().starts_with(root().string()); });
    return folders;
  }

 private slots:
  void the_packages_of_a_python_on_the_path() {
    const fs::path lib = make("torch/.venv/lib/python3.12/site-packages/nvidia/cu13/lib");
    make("torch/.venv/lib/python2.7/site-packages/nvidia/cu13/lib");
    const std::string bin = make("torch/.venv/bin").string();
    QVERIFY(found({"/nowhere:" + bin, {}, {}, {}}) == std::vector{lib});
    QVERIFY(found({bin + ":" + bin, {}, {}, {}}) == std::vector{lib}); // once
    QVERIFY(found({}).empty());
  }

  void the_active_environment_comes_first() {
    const fs::path conda = make("conda/lib/python3.11/site-packages/nvidia/cublas/lib"),
                   user = make("home/.local/lib/python3.12/site-packages/nvidia/cu13/lib"),
                   venv = make("venv/lib/python3.13/dist-packages/nvidia/cu13/lib");
    QVERIFY(found({"", (root() / "home").string(), (root() / "venv").string(),
                   (root() / "conda").string()}) == (std::vector{venv, conda, user}));
  }

  // Whoever can write to the working folder chooses no library.
  void relative_folders_are_passed_over() {
    make("lib/python3.12/site-packages/nvidia/cu13/lib");
    const fs::path before = fs::current_path();
    fs::current_path(root());
    const auto folders = cuda::cublas_folders({"bin:::.", {}, ".", {}});
    fs::current_path(before);
    QVERIFY(
        std::all_of(folders.begin(), folders.end(), [](const fs::path& each) { return each.is_absolute(); }));
  }
};

QTEST_APPLESS_MAIN(TestCublasFolders)
#include "test_cublas_folders.moc"
