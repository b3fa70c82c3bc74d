// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Tokenizers that come in GGUF files, against llama.cpp's own test files.
#include "core/base/mapped_file.h"
#include "core/checkpoint/gguf.h"
#include "core/checkpoint/gguf_tokenizer.h"
#include "tests/support/test_support.h"

using namespace intarsia;

class TestGgufTokenizers : public QObject {
  Q_OBJECT
 private slots:
  void ids_are_those_of_llama_cpp_data() {
    QTest::addColumn<QString>("file");
    QTest::newRow("gpt-2") << "tokenizers/golden/ggml-vocab-gpt-2.gguf";
    QTest::newRow("phi-3") << "tokenizers/golden/ggml-vocab-phi-3.gguf";
  }

  void ids_are_those_of_llama_cpp() {
    INTARSIA_NEED_SHARED("tokenizers/golden");
    QFETCH(QString, file);
    const auto path = test::shared_folder() / file.toStdString();
    const MappedFile mapped(path);
    const auto tokenizer = make_tokenizer(gguf_tokenizer(Gguf(mapped.bytes(), path.string())));
    test::compare_with_llama_cpp(*tokenizer, path);
  }
};

QTEST_APPLESS_MAIN(TestGgufTokenizers)
#include "test_gguf_tokenizers.moc"
