// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/server/endpoints.h"

#include <fmt/format.h>
#include <set>

#include "core/server/api_error.h"
#include "core/server/connection.h"
#include "core/server/piece_parts.h"

namespace intarsia::server {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds check_interval(100); // between looks at a waiting client
constexpr std::size_t max_path_bytes = 1024;
constexpr const char* json_type = "application/json";

const std::set<std::string> get_paths{"/health", "/metrics", "/v1/models"};
const std::set<std::string> post_paths{"/v1/chat/completions", "/v1/completions", "/tokenize", "/detokenize"};

std::string dump(const OrderedJson& json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

void answer(httplib::Response& response, const OrderedJson& json) {
  response.status = 200;
  response.set_content(dump(json), json_type);
}

void answer(httplib::Response& response, const ApiError& error) {
  response.status = error.status;
  if (error.retry_after > 0) response.set_header("Retry-After", std::to_string(error.retry_after));
  if (error.status == 401) response.set_header("WWW-Authenticate", "Bearer");
  response.set_content(dump(to_json(error)), json_type);
}

bool has_body(const httplib::Request& request) {
  return request.has_header("Transfer-Encoding") ||
         (request.has_header("Content-Length") && request.get_header_value("Content-Length") != "0");
}

ApiError client_has_left() { return ApiError(499, "client_closed_request", "the client has left"); }

// The path as a metric's label: what clients make up is one.
std::string known_path(const std::string& path) {
  if (get_paths.contains(path) || post_paths.contains(path)) return path;
  return path.starts_with("/v1/models/") ? "/v1/models/{model}" : "other";
}

} // namespace

bool same_secret(std::string_view given, std::string_view secret) {
  if (secret.empty()) return given.empty();
  std::size_t difference = given.size() ^ secret.size();
  for (std::size_t i = 0; i < given.size(); ++i)
    difference |= std::size_t(static_cast<unsigned char>(given[i] ^ secret[i % secret.size()]));
  return difference == 0;
}

bool is_loopback(std::string_view host) {
  std::string_view name = host;
  if (name.starts_with('[')) // an IPv6 address with a port
    name = name.substr(1, name.find(']') == std::string_view::npos ? 0 : name.find(']') - 1);
  else if (const auto colon = name.find(':');
           colon != std::string_view::npos && name.find(':', colon + 1) == std::string_view::npos)
    name = name.substr(0, colon);
  const bool dotted =
      name.starts_with("127.") && name.find_first_not_of("0123456789.") == std::string_view::npos;
  return name == "localhost" || name == "::1" || dotted;
}

// Logged and counted when its answer is over, which for a stream is after its handler has returned.
struct Endpoints::Exchange {
  Exchange(Endpoints& endpoints, const httplib::Request& request)
      : owner(endpoints)
      , in_flight(endpoints.in_flight_)
      , method(request.method)
      , path(request.path) {
    ++*in_flight;
  }
  ~Exchange() {
    owner.answers_.add(known_path(path), status);
    if (owner.options_.log) {
      const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
      try {
        owner.options_.log(
            fmt::format("{} {} {}{}, {:.2f} s", method, dump(path.substr(0, 200)), status, done, seconds));
      } catch (...) { // a log that cannot be written is no reason to end
      }
    }
    --*in_flight;
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  void count(const Usage& usage) {
    done = fmt::format(", {} prompt tokens ({} cached), {} generated", usage.prompt_tokens,
                       usage.cached_tokens, usage.completion_tokens);
  }
  // Throws where there is no one left to answer, or no time.
  void check_client(Ticket& ticket) const {
    if (Connection* connection = Connection::current(); connection && connection->client_is_gone()) {
      ticket.cancel();
      throw client_has_left();
    }
    if (Clock::now() - start < owner.options_.response_timeout) return;
    ticket.cancel();
    throw ApiError(504, "timeout", "the response took longer than this server allows");
  }

  Endpoints& owner;
  std::shared_ptr<std::atomic<std::size_t>> in_flight;
  std::string method, path, done;
  int status = 500;
  Clock::time_point start = Clock::now();
};

Endpoints::Endpoints(Api& api, Scheduler& scheduler, const ServerOptions& options, bool is_public)
    : api_(api)
    , scheduler_(scheduler)
    , options_(options)
    , is_public_(is_public) {}

void Endpoints::install(httplib::Server& server) {
  const auto with_body = [this](const httplib::Request& request, httplib::Response& response,
                                const httplib::ContentReader& reader) { handle(request, response, &reader); };
  const auto without_body = [this](const httplib::Request& request, httplib::Response& response) {
    handle(request, response, nullptr);
  };
  // The library matches paths with a recursive regular expression: long ones must not reach it.
  server.set_pre_routing_handler([](const httplib::Request& request, httplib::Response& response) {
    if (Connection* connection = Connection::current()) connection->header_is_read();
    if (request.path.size() <= max_path_bytes) return httplib::Server::HandlerResponse::Unhandled;
    if (Connection* connection = Connection::current()) connection->close_after_response();
    answer(response, ApiError(414, "uri_too_long", "the path is too long"));
    return httplib::Server::HandlerResponse::Handled;
  });
  server.Get(".*", without_body);
  server.Options(".*", without_body);
  server.Post(".*", with_body);
  server.Put(".*", with_body);
  server.Patch(".*", with_body);
  server.Delete(".*", with_body);
  // The library's own refusals: of what is not HTTP, or stops in the middle of a header.
  server.set_error_handler([](const httplib::Request&, httplib::Response& response) {
    if (!response.body.empty()) return;
    const Connection* connection = Connection::current();
    if (connection && connection->header_too_large())
      answer(response, header_too_large());
    else if (connection && connection->timed_out())
      answer(response, request_timeout());
    else
      answer(response,
             ApiError(response.status, "bad_request", "this is not a request that the server understands"));
  });
}

// Every request that is one. A body that was not taken ends the connection: its bytes would be read as the
// next request.
void Endpoints::handle(const httplib::Request& request, httplib::Response& response,
                       const httplib::ContentReader* reader) {
  const auto exchange = std::make_shared<Exchange>(*this, request);
  bool body_is_taken = !has_body(request);
  try {
    admit(request);
    const bool is_get = request.method == "GET" || request.method == "HEAD";
    const bool to_get = get_paths.contains(request.path) || request.path.starts_with("/v1/models/");
    if (!to_get && !post_paths.contains(request.path))
      throw ApiError(404, "unknown_url", "unknown request URL: " + request.method + " " + request.path);
    if (is_get != to_get || (!is_get && request.method != "POST"))
      throw ApiError(405, "method_not_allowed", request.path + " wants " + (to_get ? "GET" : "POST"));
    if (is_get) {
      get(request, response);
    } else {
      const std::string body = reader && !body_is_taken ? read_body(request, *reader) : std::string();
      body_is_taken = true;
      post(request.path, body, response, exchange);
    }
  } catch (...) {
    answer(response, current_api_error());
  }
  exchange->status = response.status;
  if (body_is_taken) return;
  response.set_header("Connection", "close");
  if (Connection* connection = Connection::current()) connection->close_after_response();
}

void Endpoints::admit(const httplib::Request& request) const {
  // A page in a browser reaches servers of its own machine, by its own name too (DNS rebinding).
  const std::string origin = request.get_header_value("Origin");
  const auto scheme = origin.find("://");
  const bool foreign_page =
      !origin.empty() && (scheme == std::string::npos || !is_loopback(origin.substr(scheme + 3)));
  if (!is_public_ &&
      (foreign_page || (request.has_header("Host") && !is_loopback(request.get_header_value("Host")))))
    throw ApiError(403, "forbidden", "this server answers programs of its own machine only");
  if (options_.api_key.empty() || request.path == "/health") return;
  const std::string given = request.get_header_value("Authorization");
  constexpr std::string_view scheme_name = "Bearer ";
  const bool has_key = given.starts_with(scheme_name);
  if (!same_secret(has_key ? std::string_view(given).substr(scheme_name.size()) : std::string_view(),
                   options_.api_key))
    throw ApiError(401, "invalid_api_key",
                   has_key ? "the API key is not the server's"
                           : "an API key is needed: send it as the header Authorization: Bearer KEY");
}

std::string Endpoints::read_body(const httplib::Request& request,
                                 const httplib::ContentReader& reader) const {
  const ApiError too_large(413, "request_too_large",
                           fmt::format("the request body is larger than the {} bytes that this server takes",
                                       options_.max_body_bytes));
  if (request.is_multipart_form_data())
    throw ApiError(415, "unsupported_media_type", "the request body must be JSON, not a form");
  if (request.has_header("Content-Length") &&
      std::strtoull(request.get_header_value("Content-Length").c_str(), nullptr, 10) >
          options_.max_body_bytes)
    throw too_large;
  std::string body;
  bool fits = true;
  const bool whole = reader([&](const char* data, std::size_t size) {
    fits = size <= options_.max_body_bytes - body.size();
    if (fits) body.append(data, size);
    return fits;
  });
  if (!fits) throw too_large; // it came in chunks, or compressed
  if (whole) return body;
  if (const Connection* connection = Connection::current(); connection && connection->timed_out())
    throw request_timeout();
  throw ApiError(400, "bad_request", "the request's body did not arrive as its header says");
}

void Endpoints::get(const httplib::Request& request, httplib::Response& response) {
  if (request.path == "/health") return answer(response, {{"status", "ok"}});
  if (request.path == "/v1/models") return answer(response, api_.models());
  if (request.path != "/metrics")
    return answer(response, api_.model(request.path.substr(std::string("/v1/models/").size())));
  response.status = 200;
  response.set_content(metrics_text(answers_, scheduler_.counts()),
                       "text/plain; version=0.0.4; charset=utf-8");
}

void Endpoints::post(const std::string& path, const std::string& body, httplib::Response& response,
                     const std::shared_ptr<Exchange>& exchange) {
  if (path == "/tokenize") return answer(response, api_.tokenize(body));
  if (path == "/detokenize") return answer(response, api_.detokenize(body));
  Completion completion = path == "/v1/completions" ? api_.text(body) : api_.chat(body);
  if (completion.request.stream)
    answer_in_pieces(std::move(completion), response, exchange);
  else
    answer_whole(completion, response, *exchange);
}

void Endpoints::answer_whole(Completion& completion, httplib::Response& response, Exchange& exchange) const {
  struct Choice {
    std::string text, thought;
    std::vector<SampledToken> sampled;
    StopReason reason = StopReason::end_of_text;
    std::vector<ToolCall> calls;
  };
  std::vector<Choice> choices(completion.ticket->choices());
  Usage usage;
  while (!completion.ticket->finished()) {
    exchange.check_client(*completion.ticket);
    auto piece = completion.ticket->next(check_interval);
    if (!piece) continue;
    if (piece->error) {
      completion.ticket->cancel(); // its other choices are for nothing
      std::rethrow_exception(piece->error);
    }
    Choice& choice = choices[piece->choice];
    choice.thought += take_thought(completion, *piece);
    choice.calls = take_calls(completion, *piece);
    choice.text += piece->text;
    choice.sampled.insert(choice.sampled.end(), piece->sampled.begin(), piece->sampled.end());
    if (!piece->last) continue;
    choice.reason = piece->result.reason;
    add_to(usage, *piece, completion.request.choices);
  }
  exchange.count(usage);
  std::vector<OrderedJson> list;
  for (std::size_t i = 0; i < choices.size(); ++i)
    list.push_back(completion.writer.choice(i, completion.prefixes[i] + choices[i].text, choices[i].sampled,
                                            choices[i].reason, choices[i].calls, choices[i].thought));
  answer(response, completion.writer.whole(std::move(list), usage));
}

namespace {

// The events of one stream.
struct EventStream {
  Completion completion;
  Usage usage;
  bool opened = false;

  static std::string event(const OrderedJson& json) { return "data: " + dump(json) + "\n\n"; }

  // What stands before any text.
  std::string opening() {
    opened = true;
    std::string events;
    for (std::size_t i = 0; i < completion.ticket->choices(); ++i) {
      Piece prefix;
      prefix.choice = i;
      prefix.text = completion.prefixes[i];
      if (!completion.request.chat.messages.empty())
        events += event(completion.writer.opening(i));
      else if (!prefix.text.empty())
        events += event(completion.writer.piece(prefix));
    }
    return events;
  }
  std::string next(Piece piece) {
    if (piece.error) std::rethrow_exception(piece.error);
    if (piece.last) add_to(usage, piece, completion.request.choices);
    if (completion.request.chat.messages.empty()) return event(completion.writer.piece(piece));
    std::string events;
    if (const std::string thought = take_thought(completion, piece); !thought.empty())
      events = event(completion.writer.thought_chunk(piece.choice, thought));
    const std::vector<ToolCall> calls = take_calls(completion, piece);
    // A chat's last chunk has a reason and no text.
    Piece text = piece;
    text.last = false;
    if (!text.text.empty() || !text.sampled.empty()) events += event(completion.writer.piece(text));
    if (!piece.last) return events;
    if (!calls.empty()) events += event(completion.writer.calls_chunk(piece.choice, calls));
    piece.text.clear();
    piece.sampled.clear();
    return events + event(completion.writer.piece(piece, !calls.empty()));
  }
  std::string closing() {
    std::string events;
    if (completion.request.include_usage) events = event(completion.writer.usage_chunk(usage));
    return events + "data: [DONE]\n\n";
  }
};

} // namespace

void Endpoints::answer_in_pieces(Completion completion, httplib::Response& response,
                                 const std::shared_ptr<Exchange>& exchange) const {
  auto stream = std::make_shared<EventStream>(EventStream{std::move(completion), {}});
  response.status = 200;
  response.set_header("Cache-Control", "no-cache");
  const auto provider = [stream, exchange](std::size_t, httplib::DataSink& sink) {
    const auto ticket = stream->completion.ticket;
    const auto write = [&](const std::string& events) {
      return events.empty() || sink.write(events.data(), events.size());
    };
    try {
      if (!stream->opened && !write(stream->opening())) return false;
      exchange->check_client(*ticket);
      auto piece = ticket->next(check_interval);
      if (piece && !write(stream->next(std::move(*piece)))) return false;
      if (!ticket->finished()) return true;
      if (!write(stream->closing())) return false;
      exchange->count(stream->usage);
    } catch (...) {
      ticket->cancel();
      const ApiError error = current_api_error();
      exchange->status = error.status;
      if (error.status == 499 || !write(EventStream::event(to_json(error)))) return false;
    }
    sink.done();
    return true;
  };
  response.set_chunked_content_provider("text/event-stream", provider, [stream, exchange](bool) {
    stream->completion.ticket->cancel(); // does nothing to one that is over
  });
}

} // namespace intarsia::server
