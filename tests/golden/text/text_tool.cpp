// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Answers the scripts beside it: one JSON request a line in, one JSON answer a line out.
//   {"render": TEMPLATE, "messages": [...], "tools": ..., "arguments": {...}, ...}  -> {"text": ...}
//   {"tokenizer": FOLDER or GGUF, "texts": [...], "add_special": bool}              -> {"ids": [[...]]}
//   {"tokenizer": FOLDER or GGUF, "decode": [[...]], "keep_special": bool}          -> {"texts": [...]}
// A failure is {"error": sentence}.
#include <iostream>
#include <memory>

#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/checkpoint/gguf.h"
#include "core/checkpoint/gguf_tokenizer.h"
#include "core/text/chat_template.h"
#include "core/text/tokenizer.h"

using namespace intarsia;

namespace {

OrderedJson render(const OrderedJson& request) {
  ChatRequest chat;
  for (OrderedJson message : request.at("messages")) {
    const std::string role = message.at("role").get<std::string>();
    message.erase("role");
    chat.messages.push_back({role, "", message});
  }
  chat.add_generation_prompt = request.value("add_generation_prompt", true);
  chat.tools = request.value("tools", OrderedJson());
  chat.documents = request.value("documents", OrderedJson());
  chat.arguments = request.value("arguments", OrderedJson());
  chat.special_tokens = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};
  return {{"text", ChatTemplate(request.at("render").get<std::string>()).render(chat)}};
}

std::unique_ptr<Tokenizer> open_tokenizer(const std::string& path) {
  if (!path.ends_with(".gguf")) return make_tokenizer(read_tokenizer(path));
  const MappedFile file(path);
  return make_tokenizer(gguf_tokenizer(Gguf(file.bytes(), path)));
}

OrderedJson tokenize(const OrderedJson& request, std::string& opened, std::unique_ptr<Tokenizer>& tokenizer) {
  const std::string path = request.at("tokenizer").get<std::string>();
  if (opened != path) tokenizer = open_tokenizer(path);
  opened = path;
  OrderedJson answer = OrderedJson::object();
  if (request.contains("decode")) {
    answer["texts"] = OrderedJson::array();
    for (const OrderedJson& ids : request["decode"])
      answer["texts"].push_back(
          tokenizer->decode(ids.get<std::vector<int>>(), request.value("keep_special", false)));
    return answer;
  }
  answer["ids"] = OrderedJson::array();
  const Tokenizer::EncodeOptions options{.add_special = request.value("add_special", true),
                                         .parse_special = request.value("parse_special", true)};
  for (const OrderedJson& text : request.at("texts"))
    answer["ids"].push_back(tokenizer->encode(text.get<std::string>(), options));
  return answer;
}

} // namespace

int main() {
  std::string opened;
  std::unique_ptr<Tokenizer> tokenizer;
  for (std::string line; std::getline(std::cin, line);) {
    OrderedJson answer;
    try {
      const OrderedJson request = OrderedJson::parse(line);
      answer = request.contains("render") ? render(request) : tokenize(request, opened, tokenizer);
    } catch (const std::exception& error) {
      opened.clear();
      answer = {{"error", error.what()}};
    }
    std::cout << answer.dump(-1, ' ', false, OrderedJson::error_handler_t::replace) << std::endl;
  }
}
