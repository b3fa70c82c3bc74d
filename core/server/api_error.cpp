// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/server/api_error.h"

#include "core/base/error.h"

namespace intarsia::server {
namespace {

const char* type_of(int status) {
  if (status == 401) return "authentication_error";
  if (status == 403) return "permission_error";
  if (status == 404) return "not_found_error";
  if (status == 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}

} // namespace

OrderedJson to_json(const ApiError& error) {
  OrderedJson inner{{"message", error.what()}, {"type", type_of(error.status)}};
  inner["param"] = error.param.empty() ? OrderedJson() : OrderedJson(error.param);
  inner["code"] = error.code.empty() ? OrderedJson() : OrderedJson(error.code);
  return {{"error", std::move(inner)}};
}

ApiError current_api_error() {
  const std::string sentence = current_exception_sentence();
  try {
    throw;
  } catch (const ApiError& error) {
    return error;
  } catch (const Error& error) {
    const bool clients_fault = error.kind() == ErrorKind::usage || error.kind() == ErrorKind::input ||
                               error.kind() == ErrorKind::unsupported;
    if (clients_fault) return ApiError(400, "invalid_request", sentence);
    if (error.kind() == ErrorKind::resource) return ApiError(503, "unavailable", sentence);
    return ApiError(500, "internal_error", sentence);
  } catch (...) {
    return ApiError(500, "internal_error", sentence);
  }
}

} // namespace intarsia::server
