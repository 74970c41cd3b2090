#include "api/api.h"

#include <gtest/gtest.h>

#include "api/client.h"
#include "api/fake_commands_testing.h"
#include "api/operations.h"
#include "api/schema_check_testing.h"
#include "base/rng.h"
#include "net/raw_client_testing.h"

namespace tidecast {
namespace {

constexpr ConsoleFile kFiles[] = {
    {"/index.html", "text/html; charset=utf-8", "11", "<html>", ""},
    {"/assets/index-3f.js", "text/javascript", "22", "let long = 1;", "GZ"},
};

// A server with an Api over FakeCommands.
class ApiTest : public testing::Test {
 protected:
  ApiTest() {
    HttpServerOptions options{.port = 0, .lane = [this](const HttpRequest& request) { return api_.lane(request); }};
    server_ = HttpServer::start(std::move(options), [this](const HttpRequest& r) { return api_.handle(r); }).value();
    events_.on_news([this](std::chrono::milliseconds delay) { server_->wake_streams(delay); });
    document_ = *parse_json(get("/api/v1/openapi.json").body);
  }
  ~ApiTest() override { events_.on_news({}); }

  HttpResponse call(const HttpRequest& request) const {
    auto response = http_call("127.0.0.1", server_->port(), request, 10'000);
    EXPECT_TRUE(response.ok()) << request.method << " " << request.path << ": " << response.message();
    return response.ok() ? *response : HttpResponse{.status = 0};
  }
  HttpResponse get(const std::string& path, const std::string& query = "") const {
    return call({.method = "GET", .path = path, .query = query});
  }
  HttpResponse post(const std::string& path, const std::string& body, std::string type = "application/json") const {
    return call({.method = "POST", .path = path, .headers = {{"Content-Type", std::move(type)}}, .body = body});
  }
  static std::string detail(const HttpResponse& response) {
    const auto body = parse_json(response.body);
    return body.ok() ? std::string(body->at("detail").as_string()) : "no JSON: " + response.body;
  }
  static std::string header(const HttpResponse& response, const std::string& name) {
    for (const auto& [key, value] : response.headers)
      if (key == name) return value;
    return "";
  }

  FakeCommands commands_;
  EventHub events_;
  Status ready_;
  const Api api_{commands_,
                 events_,
                 {.ready = [this] { return ready_; },
                  .metrics = [] { return std::string("a 1\n"); },
                  .endpoints =
                      [](const HttpRequest& request) {
                        return HttpResponse{.body = "{\"path\":\"" + request.method + " " + request.path + "\"}"};
                      },
                  .push =
                      [](const HttpRequest&) {
                        return HttpResponse{.body = R"({"books":{"read":2,"stored":1,
                    "duplicate":0,"late":0,"dead":1},"reasons":["/fee: missing"]})"};
                      },
                  .console = kFiles}};
  std::unique_ptr<HttpServer> server_;
  json::value document_;
};

json::value sample_of(const json::object& schema) {
  if (const json::value* values = schema.if_contains("enum")) return values->as_array().front();
  const std::string_view type = schema.at("type").as_string();
  if (type == "integer") return 14;
  if (type == "number") return 0.5;
  if (type == "object") {
    json::object sample;
    if (const json::value* others = schema.if_contains("additionalProperties"); others && others->is_object())
      sample["other"] = sample_of(others->get_object());
    if (const json::value* properties = schema.if_contains("properties"))
      for (const auto& [name, property] : properties->as_object()) sample[name] = sample_of(property.as_object());
    return sample;
  }
  if (type == "array") {
    const std::string_view items = schema.at("items").at("type").as_string();
    if (items == "object") return json::array{sample_of(schema.at("items").as_object())};
    if (items == "number") return json::array{0.05, 0.5};
    return items == "integer" ? json::array{3, 14} : json::array{"some text", "other"};
  }
  return schema.contains("format") ? json::value("2026-05-06T12:00:00Z") : json::value("some text");
}

std::string text_of(const json::value& value) {
  if (value.is_string()) return percent_encoded(value.as_string());
  std::string text = to_text(value);
  std::erase_if(text, [](char c) { return c == '[' || c == ']'; });
  return text;
}

// A request with all that the operation takes.
HttpRequest sample_request(const Operation& operation) {
  HttpRequest request{.method = std::string(operation.method), .path = std::string(operation.path)};
  for (const Parameter& parameter : operation.parameters) {
    const std::string text = text_of(sample_of(parameter.schema)), name(parameter.name);
    if (parameter.in == In::kPath)
      request.path.replace(request.path.find("{" + name + "}"), name.size() + 2, text);
    else if (parameter.in == In::kQuery)
      request.query += (request.query.empty() ? "" : "&") + name + "=" + text;
    else
      request.headers[name] = text;
  }
  if (operation.body.empty()) return request;
  json::object body;
  if (const json::value* properties = operation.body.if_contains("properties"))
    for (const auto& [name, property] : properties->as_object()) body[name] = sample_of(property.as_object());
  request.headers["Content-Type"] = "application/json";
  request.body = to_text(body);
  return request;
}

bool is_json(const Operation& operation) { return operation.content_type == "application/json"; }

TEST_F(ApiTest, ServesAnOpenApiDocumentThatHoldsTogether) {
  EXPECT_EQ(openapi_errors(document_), std::vector<std::string>{});
  EXPECT_EQ(document_.at("paths").as_object().size(), 46u) << "all that docs/api.md tells of";
}

TEST_F(ApiTest, AnswersEveryOperationAsTheDocumentSays) {
  for (const Operation& operation : make_operations()) {
    if (operation.id == "getEvents") continue;  // Has no end.
    const HttpResponse response = call(sample_request(operation));
    EXPECT_EQ(response.status, operation.status) << operation.id << response.body;
    EXPECT_EQ(response.content_type, operation.content_type) << operation.id;
    if (!is_json(operation)) continue;
    const auto body = parse_json(response.body);
    ASSERT_TRUE(body.ok()) << operation.id;
    EXPECT_EQ(SchemaCheck(document_).answer_errors(std::string(operation.method), sample_request(operation).path,
                                                   response.status, *body),
              std::vector<std::string>{})
        << operation.id;
  }
}

TEST_F(ApiTest, HandsTheCommandsWhatWasAsked) {
  get("/api/v1/features/tx%5Fmetrics", "from=2026-05-06&last=0&as_of=2026-05-06T12:00:00%2B02:00");
  EXPECT_EQ(commands_.last_call(),
            "features 'tx_metrics' from '2026-05-06' until '' last 0 as_of '2026-05-06T12:00:00+02:00'");
  get("/api/v1/forecast", "quantiles=.05,.5,0.95");
  EXPECT_EQ(commands_.last_call(), "forecast '' as_of '' taus 0.05 0.5 0.95");
  get("/api/v1/target");
  EXPECT_EQ(commands_.last_call(), "target 3");
  get("/api/v1/accuracy");
  EXPECT_EQ(commands_.last_call(), "accuracy 24");
  get("/api/v1/timeline");
  EXPECT_EQ(commands_.last_call(), "timeline 20 before 9223372036854775807");
  get("/api/v1/timeline", "last=5&before=17");
  EXPECT_EQ(commands_.last_call(), "timeline 5 before 17");
  post("/api/v1/sql", R"({"statement":"SELECT 'ä'"})");
  EXPECT_EQ(commands_.last_call(), "sql 'SELECT 'ä''");
  EXPECT_EQ(post("/api/v1/runs", R"({"why":"to see"})").status, 202);
  EXPECT_EQ(commands_.last_call(), "train 'to see' by 'api' from 0");
  post("/api/v1/runs", R"({"why":"to see","warm_start":14})");
  EXPECT_EQ(commands_.last_call(), "train 'to see' by 'api' from 14");
  post("/api/v1/parameters", R"({"values":{"num_cells":60},"why":"tuned"})");
  EXPECT_EQ(commands_.last_call(), R"(set {"num_cells":60} why 'tuned' by 'api')");
  post("/api/v1/models/14/approve", R"({"stage":"staging","actor":"console"})");
  EXPECT_EQ(commands_.last_call(), "approve 14 for 'staging' why '' by 'console'");
  post("/api/v1/models/14/reject", R"({"why":"no"})");
  EXPECT_EQ(commands_.last_call(), "reject 14 for '' why 'no' by 'api'");
  call({.method = "POST",
        .path = "/api/v1/models/14/reject",
        .headers = {{"Sec-Fetch-Site", "same-origin"}},
        .body = R"({"why":"no"})"});
  EXPECT_EQ(commands_.last_call(), "reject 14 for '' why 'no' by 'console'");
  post("/api/v1/models/14/deploy", R"({"stage":"production","why":"back"})");
  EXPECT_EQ(commands_.last_call(), "deploy 14 for 'production' why 'back' by 'api'");
}

TEST_F(ApiTest, NamesWhatIsWrongWhatWasFoundAndWhatIsAllowed) {
  EXPECT_EQ(detail(get("/api/v1/target", "hours=abc")), "?hours: found 'abc', allowed: an integer, 1 to 48");
  EXPECT_EQ(detail(get("/api/v1/target", "hours=49")), "?hours: found '49', allowed: an integer, 1 to 48");
  EXPECT_EQ(detail(get("/api/v1/target", "hours=")), "?hours: found '', allowed: an integer, 1 to 48");
  EXPECT_EQ(detail(get("/api/v1/target", "days=1")), "?days: found this parameter, allowed: hours");
  EXPECT_EQ(detail(get("/api/v1/status", "a")), "?a: found this parameter, allowed: no parameters");
  EXPECT_EQ(detail(get("/api/v1/target", "hours=1&hours=2")), "?hours: found it twice, allowed: once");
  EXPECT_EQ(detail(get("/api/v1/target", "hours=%4")),
            "the query: found 'hours=%4', allowed: UTF-8, with % before two hexadecimal digits only");
  EXPECT_EQ(detail(get("/api/v1/features/a", "from=noon")),
            "?from: found 'noon', allowed: a time as 2026-05-06T12:00:00Z, or a date");
  EXPECT_EQ(detail(get("/api/v1/forecast", "quantiles=.5,1")),
            "?quantiles: found '.5,1', allowed: 1 to 99 numbers above 0 and below 1, joined by commas");
  EXPECT_EQ(detail(get("/api/v1/runs/two")), "{id}: found 'two', allowed: an integer, 1 to 2147483647");
  const std::string approve = "/api/v1/models/14/approve";
  EXPECT_EQ(detail(post(approve, R"({"stage":"moon"})")), "/stage: found \"moon\", allowed: staging, production");
  EXPECT_EQ(detail(post(approve, R"({"stage":7})")), "/stage: found 7, allowed: staging, production");
  EXPECT_EQ(detail(post(approve, "{}")), "/stage: found nothing, allowed: staging, production");
  EXPECT_EQ(detail(post(approve, R"({"stage":"staging","who":"me"})")),
            "/who: found this member, allowed: the members stage, why, actor");
  EXPECT_EQ(detail(post(approve, "")),
            "the body: found nothing, allowed: a JSON object with the members stage, why, actor");
  EXPECT_EQ(detail(post(approve, "[1]")),
            "the body: found [1], allowed: a JSON object with the members stage, why, actor");
  EXPECT_EQ(detail(post("/api/v1/models/14/reject", R"({"why":""})")),
            "/why: found \"\", allowed: text of 1 to 2000 characters");
  const auto body = parse_json(get("/api/v1/target", "hours=abc").body);
  EXPECT_EQ(body->at("where").as_string(), "?hours");
  EXPECT_EQ(body->at("found").as_string(), "'abc'");
  EXPECT_EQ(body->at("allowed").as_string(), "an integer, 1 to 48");
}

TEST_F(ApiTest, RefusesWhatNoOperationTakes) {
  for (const Operation& operation : make_operations()) {
    if (operation.input == Input::kUnchecked || operation.id == "getEvents") continue;
    const HttpRequest good = sample_request(operation);
    HttpRequest request = good;
    request.query += "&unknown=1";
    EXPECT_EQ(call(request).status, 400) << operation.id;
    request = good;
    request.method = "DELETE";
    const HttpResponse response = call(request);
    EXPECT_EQ(response.status, 405) << operation.id;
    EXPECT_NE(header(response, "allow").find(operation.method), std::string::npos) << operation.id;
    for (const Parameter& parameter : operation.parameters) {
      if (parameter.in != In::kQuery || parameter.schema.at("type") == "string") continue;
      request = {.method = good.method, .path = good.path, .query = std::string(parameter.name) + "=x"};
      EXPECT_EQ(call(request).status, 400) << operation.id << " " << parameter.name;
    }
    if (operation.body.empty()) continue;
    const bool needs_some = operation.body.contains("required") && !operation.body.at("required").as_array().empty();
    for (const char* body : {"", "{", "7", "null", "{\"unknown\":1}", "{}", "\xff\xfe"}) {
      if (!needs_some && std::string_view(body) == "{}") continue;
      request = good;
      request.body = body;
      EXPECT_EQ(call(request).status, 400) << operation.id << " " << body;
    }
    for (const auto& [name, property] : operation.body.at("properties").as_object()) {
      json::object body = parse_json(good.body)->as_object();
      body[name] = true;
      request.body = to_text(body);
      EXPECT_EQ(call(request).status, 400) << operation.id << " " << name;
    }
    request = good;
    request.headers["Content-Type"] = "text/plain";
    EXPECT_EQ(call(request).status, 415) << operation.id;
  }
}

TEST_F(ApiTest, TakesWhatCurlSendsAndJsonWithACharset) {
  for (const char* type : {"application/x-www-form-urlencoded", "Application/JSON; charset=utf-8", ""})
    EXPECT_EQ(post("/api/v1/sql", R"({"statement":"SELECT 1"})", type).status, 200) << type;
}

TEST_F(ApiTest, GivesSqlResultsAsTheFormatOrTheHeaderAcceptAsks) {
  const auto ask = [&](const std::string& query, const std::string& accept) {
    HttpRequest request{.method = "POST", .path = "/api/v1/sql", .query = query, .body = R"({"statement":"SELECT 1"})"};
    if (!accept.empty()) request.headers["Accept"] = accept;
    const HttpResponse response = call(request);
    return fmt::format("{} {} {}", response.status, response.content_type, commands_.last_call());
  };
  EXPECT_EQ(ask("", ""), "200 application/json sql 'SELECT 1'");
  EXPECT_EQ(ask("", "*/*"), "200 application/json sql 'SELECT 1'");
  EXPECT_EQ(ask("", "application/json"), "200 application/json sql 'SELECT 1'");
  EXPECT_EQ(ask("format=rows", "text/csv"), "200 application/json sql 'SELECT 1'");
  EXPECT_EQ(ask("format=csv", ""), "200 text/csv sql 'SELECT 1' as csv");
  EXPECT_EQ(ask("format=json", ""), "200 application/json sql 'SELECT 1' as json");
  EXPECT_EQ(ask("format=ndjson", "text/csv"), "200 application/x-ndjson sql 'SELECT 1' as ndjson");
  EXPECT_EQ(ask("format=parquet", ""), "200 application/vnd.apache.parquet sql 'SELECT 1' as parquet");
  EXPECT_EQ(ask("", "application/vnd.apache.parquet"), "200 application/vnd.apache.parquet sql 'SELECT 1' as parquet");
  EXPECT_EQ(ask("", "text/html, text/csv;q=0.9 , */*"), "200 text/csv sql 'SELECT 1' as csv");
  EXPECT_EQ(ask("format=arrow", "").substr(0, 28), "400 application/problem+json");
  EXPECT_EQ(post("/api/v1/sql?format=csv", R"({"statement":"SELECT 1"})").body, "csv of \xff");
  commands_.fail_with(invalid_argument("no"));
  EXPECT_EQ(ask("format=csv", "").substr(0, 28), "400 application/problem+json");
}

TEST_F(ApiTest, SaysThatAFileOfResultsIsNotAllOfThem) {
  ApiClient client("127.0.0.1", server_->port());
  EXPECT_FALSE(client.sql_file("SELECT 1", "csv")->truncated);
  EXPECT_EQ(client.sql_file("SELECT 1", "csv")->bytes, "csv of \xff");
  EXPECT_TRUE(client.sql_file("everything", "csv")->truncated);
  EXPECT_EQ(client.sql_file("SELECT 1", "arrow").code(), Code::kInvalidArgument);
}

TEST_F(ApiTest, TurnsTheCommandsErrorsIntoProblems) {
  const std::pair<Status, int> cases[] = {{invalid_argument("a"), 400},
                                          {not_found("b"), 404},
                                          {failed_precondition("c"), 409},
                                          {unavailable("d"), 503},
                                          {data_loss("e"), 500}};
  for (const auto& [error, status] : cases) {
    commands_.fail_with(error);
    const HttpResponse response = get("/api/v1/models/3");
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(response.content_type, "application/problem+json");
    EXPECT_EQ(detail(response), error.message());
    const json::value body = *parse_json(response.body);
    EXPECT_EQ(SchemaCheck(document_).errors(body, document_.at("components").at("schemas").at("Problem").as_object()),
              std::vector<std::string>{});
  }
}

TEST_F(ApiTest, AnswersHeadForEveryGet) {
  const HttpResponse response = call({.method = "HEAD", .path = "/api/v1/status"});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "");
}

TEST_F(ApiTest, SaysWhereNothingIs) {
  for (const char* path : {"/api/v1", "/api/v1/", "/api/v2/status", "/api/v1/runs/", "/api/v1/runs/2/x", "/favicon.ico",
                           "/endpoints", "/endpoints/staging", "/api/v1/features/%zz", "/api/v1/features/%ff", "//"})
    EXPECT_EQ(get(path).status, 404) << path;
}

TEST_F(ApiTest, SaysWhetherItIsReadyAndWhyNot) {
  EXPECT_EQ(get("/healthz").status, 200);
  EXPECT_EQ(get("/readyz").status, 200);
  ready_ = unavailable("the loop has not begun");
  EXPECT_EQ(get("/healthz").status, 200);
  const HttpResponse response = get("/readyz");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(detail(response), "the loop has not begun");
}

TEST_F(ApiTest, PassesOnWhatTheEndpointsAnswer) {
  EXPECT_EQ(get("/ping").body, R"({"path":"GET /ping"})");
  EXPECT_EQ(post("/endpoints/staging/invocations", "[").body, R"({"path":"POST /endpoints/staging/invocations"})");
  EXPECT_EQ(get("/endpoints/staging/invocations").body, R"({"path":"GET /endpoints/staging/invocations"})");
  EXPECT_EQ(post("/v2/models/staging/infer", "[").body, R"({"path":"POST /v2/models/staging/infer"})");
  EXPECT_EQ(post("/v2", "").body, R"({"path":"POST /v2"})");
  EXPECT_EQ(get("/metrics").body, "a 1\n");
  EXPECT_EQ(post("/metrics", "").status, 405);
}

TEST_F(ApiTest, RunsWhatMayTakeLongBesideTheServersThread) {
  for (const Operation& operation : make_operations()) {
    HttpRequest request = sample_request(operation);
    if (operation.lane == Lane::kForecasting) {
      EXPECT_EQ(api_.lane(request), 0) << "a small one is read at once, and its forecast waits elsewhere";
      request.body = std::string(100'000, ' ');
    }
    EXPECT_EQ(api_.lane(request), static_cast<int>(operation.lane)) << operation.id;
  }
  EXPECT_EQ(api_.lane({.method = "POST", .path = "/api/v1/sql"}), 1);
  EXPECT_EQ(api_.lane({.method = "GET", .path = "/api/v1/sql"}), 0);
  EXPECT_EQ(api_.lane({.method = "GET", .path = "/api/v1/events"}), 0) << "a stream is made on the server's thread";
  EXPECT_EQ(api_.lane({.method = "GET", .path = "/nothing"}), 0);
}

TEST_F(ApiTest, StreamsTheStatusAndWhatHappens) {
  events_.set_status(std::make_shared<const std::string>("{\"s\":1}"));
  events_.add(1, "{\"n\":1}");
  RawClient fresh(server_->port()), resumed(server_->port());
  fresh.send("GET /api/v1/events HTTP/1.0\r\n\r\n");
  const std::string head = fresh.until("\r\n\r\n");
  EXPECT_NE(head.find("Content-Type: text/event-stream\r\n"), head.npos);
  EXPECT_NE(head.find("Cache-Control: no-store\r\n"), head.npos);
  EXPECT_EQ(fresh.until("\n\n"), "event: status\ndata: {\"s\":1}\n\n");
  resumed.send("GET /api/v1/events?after=7 HTTP/1.0\r\nLast-Event-ID: 0\r\n\r\n");
  resumed.until("\r\n\r\n");
  EXPECT_EQ(resumed.until("\n\n"), "event: status\ndata: {\"s\":1}\n\n");
  EXPECT_EQ(resumed.until("\n\n"), "id: 1\nevent: timeline\ndata: {\"n\":1}\n\n");
  events_.add(2, "{\"n\":2}");
  for (RawClient* client : {&fresh, &resumed})
    EXPECT_EQ(client->until("\n\n"), "id: 2\nevent: timeline\ndata: {\"n\":2}\n\n");
  events_.set_status(std::make_shared<const std::string>("{\"s\":2}"));
  EXPECT_EQ(fresh.until("\n\n"), "event: status\ndata: {\"s\":2}\n\n") << "after 250 ms, without another call";
  EXPECT_EQ(call({.method = "GET", .path = "/api/v1/events", .headers = {{"Last-Event-ID", "x"}}}).status, 400);
  EXPECT_EQ(get("/api/v1/events", "after=-1").status, 400);
}

TEST_F(ApiTest, ServesTheConsole) {
  const HttpResponse page = get("/");
  EXPECT_EQ(page.body, "<html>");
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  EXPECT_EQ(header(page, "cache-control"), "no-cache");
  EXPECT_EQ(header(page, "etag"), "\"11\"");
  EXPECT_NE(header(page, "content-security-policy").find("default-src 'self'; style-src 'self' 'unsafe-inline'"),
            std::string::npos);
  EXPECT_EQ(header(page, "x-content-type-options"), "nosniff");
  EXPECT_EQ(get("/index.html").body, "<html>");
  EXPECT_EQ(call({.method = "GET", .path = "/", .headers = {{"If-None-Match", "\"11\""}}}).status, 304);
  EXPECT_EQ(call({.method = "GET", .path = "/", .headers = {{"If-None-Match", "\"10\""}}}).status, 200);
  EXPECT_EQ(post("/", "").status, 405);
  const auto asset = [&](const std::string& accepted) {
    return call({.method = "GET", .path = "/assets/index-3f.js", .headers = {{"Accept-Encoding", accepted}}});
  };
  EXPECT_EQ(header(asset(""), "cache-control"), "public, max-age=31536000, immutable");
  for (const char* plain : {"", "br", "gzip;q=0", "gzip; q=0.0", "xgzip"}) {
    EXPECT_EQ(asset(plain).body, "let long = 1;") << plain;
    EXPECT_EQ(header(asset(plain), "etag"), "\"22\"");
  }
  for (const char* packed : {"gzip", "br, gzip;q=0.5", "*", "deflate,gzip"}) {
    EXPECT_EQ(asset(packed).body, "GZ") << packed;
    EXPECT_EQ(header(asset(packed), "content-encoding"), "gzip");
    EXPECT_EQ(header(asset(packed), "etag"), "\"22-gzip\"");
  }
  EXPECT_EQ(header(asset(""), "vary"), "Accept-Encoding");
}

TEST_F(ApiTest, OutlivesWhateverIsSent) {
  Rng rng(4);
  const auto pick = [&](std::uint64_t below) { return rng.below(below); };
  const std::vector<Operation> operations = make_operations();
  for (int round = 0; round < 3000; ++round) {
    HttpRequest request = sample_request(operations[pick(operations.size())]);
    std::string* parts[] = {&request.method, &request.path, &request.query, &request.body};
    for (std::uint64_t n = pick(4); n-- > 0;) {
      std::string& part = *parts[pick(4)];
      const std::size_t at = pick(part.size() + 1);
      switch (pick(4)) {
        case 0: part.insert(at, 1, static_cast<char>(pick(256))); break;
        case 1: part.erase(at, pick(5)); break;
        case 2: part.insert(at, part.substr(0, pick(20))); break;
        default: part.insert(at, std::string_view("%&={}[]\"").substr(pick(8), 1)); break;
      }
    }
    const HttpResponse response = api_.handle(request);
    EXPECT_LT(response.status, 500) << request.method << " " << request.path;
    if (response.content_type == "application/problem+json") {
      EXPECT_TRUE(parse_json(response.body).ok()) << response.body;
    }
    api_.lane(request);
  }
}

TEST_F(ApiTest, HasAClientThatSeesWhatTheCommandsSay) {
  ApiClient client("127.0.0.1", server_->port());
  FakeCommands here;
  const Decision decision{.version = 14, .stage = "staging", .why = "it is good", .actor = "cli:anna"};
  const std::function<Result<json::object>(Commands&)> calls[] = {
      [](Commands& c) { return c.server(); },
      [](Commands& c) { return c.status(); },
      [](Commands& c) { return c.definition(); },
      [](Commands& c) { return c.features({}); },
      [](Commands& c) {
        return c.features(
            {.group = "tx_metrics", .from = "2026-05-06", .as_of = "2026-05-06T12:00:00+02:00", .last = 0});
      },
      [](Commands& c) { return c.forecast({}); },
      [](Commands& c) {
        return c.forecast({.series = "a.b", .taus = {0.05, 0.5}});
      },
      [](Commands& c) { return c.sql("SELECT 'a & b', \"ä\""); },
      [](Commands& c) { return c.runs(); },
      [](Commands& c) { return c.run(2); },
      [](Commands& c) { return c.train("to see", "cli:anna", 2); },
      [](Commands& c) { return c.training_data(); },
      [](Commands& c) {
        return c.record_trials({.as_of = "2026-05-06T12:00:00Z", .seed = 3, .trials = json::array{a_trial()}});
      },
      [](Commands& c) { return c.parameters(); },
      [](Commands& c) {
        return c.set_parameters({{"num_cells", 60}}, "tuned", "cli:anna");
      },
      [](Commands& c) { return c.models(); },
      [](Commands& c) { return c.model(14); },
      [](Commands& c) -> Result<json::object> {
        return json::object{{"file", TRY(c.artefact(14))}};
      },
      [&](Commands& c) { return c.approve(decision); },
      [&](Commands& c) { return c.reject({.version = 14, .why = "no", .actor = "cli:anna"}); },
      [&](Commands& c) { return c.deploy(decision); },
      [](Commands& c) { return c.target(48); },
      [](Commands& c) { return c.accuracy(1); },
      [](Commands& c) { return c.timeline(20, std::numeric_limits<std::int64_t>::max()); },
      [](Commands& c) { return c.timeline(256, 1); },
  };
  for (const auto& call_it : calls) {
    const auto remote = call_it(client), local = call_it(here);
    ASSERT_TRUE(remote.ok()) << remote.message();
    EXPECT_EQ(to_text(*remote), to_text(*local));
    EXPECT_EQ(commands_.last_call(), here.last_call());
  }
  for (const Status& error :
       {invalid_argument("a \"b\""), not_found("b"), failed_precondition("c"), unavailable("d"), internal_error("e")}) {
    commands_.fail_with(error);
    for (const auto& call_it : calls) {
      const auto remote = call_it(client);
      EXPECT_EQ(remote.code(), error.code());
      EXPECT_EQ(remote.message(), error.message());
    }
  }
}

TEST(ApiClient, SaysWhenNobodyListensOrSomebodyElseDoes) {
  std::uint16_t port = 0;
  {
    const auto other = HttpServer::start({.port = 0}, [](const HttpRequest&) { return HttpResponse{.body = "hello"}; });
    port = (*other)->port();
    ApiClient client("127.0.0.1", port);
    EXPECT_EQ(client.status().code(), Code::kInternal);
  }
  ApiClient client("127.0.0.1", port);
  EXPECT_EQ(client.status().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace tidecast
