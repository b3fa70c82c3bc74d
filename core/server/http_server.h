// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Serves a loaded model over HTTP, in the shape of OpenAI's API. resources/help/server.md says how.
//
//   HttpServer server(*tokenizer, *model, options);   // keeps references to both
//   server.start();                                   // returns once it listens; throws what is in the way
//   … server.address() …                              // "http://127.0.0.1:8080"
//   server.stop();                                    // from any thread
//
// It computes on a thread of its own. The model may be used elsewhere in the program meanwhile (a chat beside
// it): LanguageModel lets sequences of several threads compute one after another. start() and stop() may
// follow each other any number of times.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "core/runtime/backend.h"
#include "core/text/tokenizer.h"

namespace intarsia {

struct ServerOptions {
  std::string host = "127.0.0.1"; // a name or an address; "0.0.0.0" lets other machines in
  int port = 8080;                // 0: any that is free
  std::string api_key;            // that clients must send; empty: none
  std::string model_name;         // by which clients ask for the model; empty: its config's name
  std::size_t context = 4096;     // tokens of a prompt and its response
  std::size_t parallel = 4;       // responses computed at once, each with a KV cache of `context` tokens
  std::size_t queue = 64;         // that may wait; more are told to come again (429)
  std::size_t largest_body = std::size_t(8) << 20;    // bytes of a request; larger are refused (413)
  std::chrono::milliseconds request_timeout{30000};   // for a request to arrive (408)
  std::chrono::milliseconds response_timeout{600000}; // for a response, its waiting included (504)
  // One line a request, at the start what is odd in the tokenizer's files, and whatever else should be told;
  // called from several threads. May be empty.
  std::function<void(const std::string&)> log;
};

struct ServerStatus {
  bool listening = false;
  std::size_t active = 0, waiting = 0; // responses
  std::uint64_t served = 0, prompt_tokens = 0, generated_tokens = 0;
};

class HttpServer {
 public:
  // Tokenizer and model must outlive it. Throws Error{usage} for options that make no sense.
  HttpServer(const Tokenizer& tokenizer, LanguageModel& model, ServerOptions options);
  ~HttpServer(); // stops

  void start(); // throws Error{resource} where it cannot listen; nothing when it listens already
  // Takes no more requests; responses that are being written may go on for `timeout`, then they end with an
  // error. Returns when everything has ended.
  void stop(std::chrono::milliseconds timeout = std::chrono::seconds(5));

  std::string address() const; // "http://127.0.0.1:8080"; empty before start()
  int port() const;            // that it listens on
  // Whether other machines can reach it.
  bool is_public() const;
  // How clients name the model.
  const std::string& model_name() const;
  // One sentence where a generic format stands in for the model's own chat template; empty: it does not.
  const std::string& template_problem() const;
  ServerStatus status() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace intarsia
