// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/base/foreign_content.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace intarsia {
namespace {

using namespace std::string_view_literals;

struct Content {
  std::string_view begin;
  std::string_view what;
};

constexpr std::string_view ggml_file = "is a GGML file of before August 2023, which llama.cpp no longer "
                                       "reads either; download the model as GGUF";
constexpr std::string_view pytorch_file =
    "is a PyTorch checkpoint, which runs code when it is read; convert it to safetensors in Python: "
    "transformers.AutoModelForCausalLM.from_pretrained(\"FOLDER\").save_pretrained(\"NEW_FOLDER\")";
constexpr std::string_view utf16 = "is UTF-16 text; save it as UTF-8";

constexpr std::array contents{
    Content{"version https://git-lfs"sv,
            "is a Git-LFS pointer, not the file itself; run \"git lfs pull\" in its repository"},
    Content{"version https://hawser"sv,
            "is a Git-LFS pointer, not the file itself; run \"git lfs pull\" in its repository"},
    Content{"tjgg"sv, ggml_file},
    Content{"lmgg"sv, ggml_file},
    Content{"fmgg"sv, ggml_file},
    Content{"algg"sv, ggml_file},
    Content{"PK\3\4"sv, pytorch_file},
    Content{"\x80\2"sv, pytorch_file},
    Content{"\x80\3"sv, pytorch_file},
    Content{"\x80\4"sv, pytorch_file},
    Content{"\x80\5"sv, pytorch_file},
    Content{"\x89HDF\r\n"sv,
            "is an HDF5 file, as Keras and TensorFlow write; download the model as safetensors"},
    Content{"\x1f\x8b"sv, "is a gzip archive; unpack it first"},
    Content{"7z\xbc\xaf"sv, "is a 7-Zip archive; unpack it first"},
    Content{"Rar!"sv, "is a RAR archive; unpack it first"},
    Content{"BZh"sv, "is a bzip2 archive; unpack it first"},
    Content{"\xfd\x37zXZ"sv, "is an xz archive; unpack it first"},
    Content{"\x28\xb5\x2f\xfd"sv, "is a zstd archive; unpack it first"},
    Content{"\xff\xfe"sv, utf16},
    Content{"\xfe\xff"sv, utf16},
    Content{"\0\5\x16\7"sv,
            "is what macOS keeps beside a file (AppleDouble), not the file itself; delete it"},
    Content{"<?xml"sv, "is an XML document, as a server answers an error with; download the file again"},
    Content{"Entry not found"sv, "is a server's answer \"Entry not found\"; download the file again"},
    Content{"Repository not found"sv,
            "is a server's answer \"Repository not found\"; download the file again"},
    Content{
        "Access to model"sv,
        "is a server's answer that access to the model is restricted; ask for access, log in and download "
        "it again"},
    Content{"Invalid username or password"sv,
            "is a server's answer that the login failed; log in and download the file again"},
};

bool is_web_page(std::string_view bytes) {
  while (!bytes.empty() && std::isspace(static_cast<unsigned char>(bytes[0]))) bytes.remove_prefix(1);
  std::string head(bytes.substr(0, 14));
  std::transform(head.begin(), head.end(), head.begin(),
                 [](unsigned char c) { return char(std::tolower(c)); });
  return head.starts_with("<!doctype html") || head.starts_with("<html") || head.starts_with("<head");
}

} // namespace

std::string foreign_content(std::string_view bytes) {
  if (bytes.empty()) return "is empty; download it again";
  for (const Content& content : contents)
    if (bytes.starts_with(content.begin)) return std::string(content.what);
  if (is_web_page(bytes)) return "is a web page, not the file itself; download it again";
  if (bytes.substr(0, 4) == "{\0\"\0"sv || bytes.substr(0, 4) == "\0{\0\""sv) return std::string(utf16);
  if (std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; }))
    return "holds nothing but zeros; the download was not finished, download it again";
  return {};
}

} // namespace intarsia
