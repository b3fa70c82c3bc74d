// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Asks a server of ours. Include before Qt's headers, whose macros the HTTP library does not know.
#pragma once

#include <httplib.h>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace intarsia::test {

struct HttpAnswer {
  int status = 0; // 0: none
  std::string body;
  httplib::Headers headers;

  Json json() const { return Json::parse(body, nullptr, false); }
  std::string error_code() const {
    const Json parsed = json();
    if (!parsed.is_object() || !parsed.contains("error")) return "no error";
    const Json& error = parsed["error"];
    const bool shaped = error.contains("message") && error["message"].is_string() && error.contains("type") &&
                        error.contains("param") && error.contains("code");
    return !shaped ? "another shape" : error["code"].is_string() ? error["code"].get<std::string>() : "null";
  }
};

inline HttpAnswer answer_of(const httplib::Result& result) {
  if (!result) return {};
  return {result->status, result->body, result->headers};
}

class HttpClient {
 public:
  explicit HttpClient(int port, const std::string& key = "")
      : client_("127.0.0.1", port) {
    client_.set_read_timeout(120);
    if (!key.empty()) client_.set_default_headers({{"Authorization", "Bearer " + key}});
  }
  HttpAnswer get(const std::string& path) { return answer_of(client_.Get(path.c_str())); }
  HttpAnswer post(const std::string& path, const std::string& body) {
    return answer_of(client_.Post(path.c_str(), body, "application/json"));
  }
  HttpAnswer post(const std::string& path, const char* body) { return post(path, std::string(body)); }
  HttpAnswer post(const std::string& path, const Json& body) { return post(path, body.dump()); }
  httplib::Client& raw() { return client_; }

 private:
  httplib::Client client_;
};

// The events of a stream without their "data: "; the last is "[DONE]" where it came to its end.
inline std::vector<std::string> events_of(const std::string& body) {
  std::vector<std::string> events;
  for (std::size_t at = 0; at < body.size();) {
    const auto end = body.find("\n\n", at);
    if (end == std::string::npos || body.compare(at, 6, "data: ") != 0) return {"no event stream"};
    events.push_back(body.substr(at + 6, end - at - 6));
    at = end + 2;
  }
  return events;
}

} // namespace intarsia::test
