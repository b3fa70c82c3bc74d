// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Serves a loaded model over HTTP with OpenAI's API. resources/help/server.md documents the endpoints.
//
//   HttpServer server(*tokenizer, *model, options);   // holds references to both
//   server.start();                                   // returns once it listens; throws when it cannot
//   … server.address() …                              // "http://127.0.0.1:8080"
//   server.stop();                                    // from any thread
//
// A thread of the server computes. The model may be used elsewhere in the program at the same time (a chat in
// the studio), as LanguageModel serializes the computations of several threads. start() and stop() may be
// called any number of times.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "core/runtime/backend.h"
#include "core/text/tokenizer.h"

namespace intarsia {

struct ServerOptions {
  std::string host = "127.0.0.1"; // a name or an address; "0.0.0.0" makes it reachable from other machines
  int port = 8080;                // 0: any free port
  std::string api_key;            // that clients must send (Authorization: Bearer KEY); empty: none
  std::string model_name;         // of the model in requests and responses; empty: the config's name
  std::size_t context = 4096;     // tokens of a prompt and its response together
  std::size_t parallel = 4;       // responses computed at once, each with a KV cache of `context` tokens
  std::size_t queue = 64;         // choices that may wait for a slot; more are refused (429)
  std::size_t max_body_bytes = std::size_t(8) << 20;  // of a request; larger ones are refused (413)
  std::chrono::milliseconds request_timeout{30000};   // for a request to arrive (408)
  std::chrono::milliseconds response_timeout{600000}; // for a response, time in the queue included (504)
  // Called with one line per request, and at the start with warnings about the tokenizer's files; from
  // several threads. May be empty.
  std::function<void(const std::string&)> log;
};

struct ServerStatus {
  bool listening = false;
  std::size_t active = 0, waiting = 0; // responses at present
  // Since start().
  std::uint64_t served = 0, prompt_tokens = 0, generated_tokens = 0;
};

class HttpServer {
 public:
  // Tokenizer and model must outlive it. Throws Error{usage} for options that make no sense.
  HttpServer(const Tokenizer& tokenizer, LanguageModel& model, ServerOptions options);
  ~HttpServer(); // stop() with timeout 0

  void start(); // throws Error{resource} where it cannot listen; no effect when it listens already
  // Accepts no more requests. Responses in progress may continue for `timeout`, then they end with an error.
  // Returns when all have ended.
  void stop(std::chrono::milliseconds timeout = std::chrono::seconds(5));

  std::string address() const; // "http://127.0.0.1:8080"; empty before start()
  int port() const;            // that it listens on; 0 when stopped
  // Whether the host is not a loopback address.
  bool is_public() const;
  // ServerOptions::model_name, or its default.
  const std::string& model_name() const;
  // See ChatPrompt::problem().
  const std::string& template_problem() const;
  ServerStatus status() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace intarsia
