// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// An HTTP error response with OpenAI's error object.
#pragma once

#include <stdexcept>
#include <string>

#include "core/base/json.h"

namespace intarsia::server {

struct ApiError : std::runtime_error {
  ApiError(int http_status, std::string error_code, const std::string& sentence, std::string field = "")
      : std::runtime_error(sentence)
      , status(http_status)
      , code(std::move(error_code))
      , param(std::move(field)) {}

  int status;
  std::string code, param;     // code: "invalid_value", …; param: the request's field; empty: none
  std::size_t retry_after = 0; // seconds, for the Retry-After header; 0: no header
};

inline ApiError bad_request(const std::string& sentence, std::string field,
                            std::string code = "invalid_value") {
  return ApiError(400, std::move(code), sentence, std::move(field));
}

inline ApiError request_timeout() {
  return ApiError(408, "request_timeout", "the request did not arrive in time");
}
inline ApiError header_too_large() {
  return ApiError(431, "header_too_large", "the request's header is too large");
}

// {"error":{"message","type","param","code"}}
OrderedJson to_json(const ApiError& error);

// Of the current exception, inside a catch block: an ApiError unchanged, Error{usage|input|unsupported} as
// 400, any other as 500.
ApiError current_api_error();

} // namespace intarsia::server
