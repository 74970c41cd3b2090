#include "features/join.h"

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <tuple>
#include <utility>

#include "base/ascii.h"
#include "base/prefetch.h"
#include "features/offline_files.h"
#include "storage/file.h"

namespace tidecast {
namespace {

namespace fs = std::filesystem;
using duck::quoted_name;
using duck::quoted_text;

std::string ms_of(std::string_view column) { return fmt::format("epoch_ms({})", column); }

// `name`, or something like it that none of the others is; DuckDB does not tell case apart.
std::string unlike(std::string name, const std::vector<std::string>& others) {
  while (std::ranges::any_of(others, [&](const std::string& other) { return lower(other) == name; })) name += '_';
  return name;
}

// A version of a row, by numbers; times in ms.
struct Version {
  std::int64_t series, known, window, revision;
  std::size_t row;
  bool deleted;
};
struct Versions {
  std::size_t series = 1, width = 1;
  std::vector<Version> all;
  std::vector<FeatureValue> values;  // Of each row its window's end and its features, `width` in all.
};

// Which of them answer: of series s those from begin[s] to begin[s + 1], each from `known` on until the next.
struct Answers {
  static constexpr std::size_t kNone = ~std::size_t{0};  // From then on none does.
  std::vector<std::size_t> begin;
  std::vector<std::int64_t> known;
  std::vector<std::size_t> row;
};

// The versions of each series are gone through in the order in which they became known.
Answers answers_of(Versions& versions) {
  std::vector<Version>& all = versions.all;
  const auto order = [](const Version& v) { return std::tuple(v.series, v.known, v.window, v.revision); };
  if (!std::ranges::is_sorted(all, {}, order)) std::ranges::sort(all, {}, order);
  const bool erased = std::ranges::any_of(all, &Version::deleted);
  Answers answers;
  std::map<std::int64_t, std::size_t> alive;  // By window the row; unless rows are erased the newest is enough.
  for (std::size_t i = 0, s = 0; s < versions.series; ++s) {
    answers.begin.push_back(answers.known.size());
    alive.clear();
    for (std::size_t last = Answers::kNone; i < all.size() && all[i].series == static_cast<std::int64_t>(s); ++i) {
      if (!erased && !alive.empty() && alive.begin()->first <= all[i].window) alive.clear();
      if (all[i].deleted)
        alive.erase(all[i].window);
      else if (erased || alive.empty())
        alive.insert_or_assign(alive.end(), all[i].window, all[i].row);
      const std::size_t now = alive.empty() ? Answers::kNone : alive.rbegin()->second;
      if (now == std::exchange(last, now)) continue;
      answers.known.push_back(all[i].known);
      answers.row.push_back(now);
    }
  }
  answers.begin.push_back(answers.known.size());
  return answers;
}

// A row of the frame asks for the answer of a series at a moment.
struct Question {
  std::int64_t series = -1, moment = 0;  // Series -1: none.
};

// The row that answers each.  Binary searches, many at once, since each step of one waits for the memory.
std::vector<std::size_t> ask(const Answers& answers, std::span<const Question> questions) {
  constexpr std::size_t kAtOnce = 256;
  std::vector<std::size_t> found(questions.size(), Answers::kNone);
  for (std::size_t from = 0; from < questions.size(); from += kAtOnce) {
    const auto some = questions.subspan(from, std::min(kAtOnce, questions.size() - from));
    std::array<std::size_t, kAtOnce> first{}, count{};
    for (std::size_t i = 0; i < some.size(); ++i) {
      if (some[i].series < 0) continue;
      const auto* begin = &answers.begin[static_cast<std::size_t>(some[i].series)];
      first[i] = begin[0], count[i] = begin[1] - begin[0];
    }
    for (bool more = true; std::exchange(more, false);)
      for (std::size_t i = 0; i < some.size(); ++i) {
        const std::size_t half = count[i] / 2;
        first[i] += half > 0 && answers.known[first[i] + half] <= some[i].moment ? half : 0;
        count[i] -= half;
        more |= count[i] > 1;
      }
    for (std::size_t i = 0; i < some.size(); ++i)
      if (count[i] > 0 && answers.known[first[i]] <= some[i].moment) found[from + i] = answers.row[first[i]];
  }
  return found;
}

// That a frame's value, of whatever type, is a series' key.  DuckDB would round 1.6 and take 7 for true.
std::string is_key(FieldType type, std::string_view value, std::string_view key) {
  if (type == FieldType::kInteger)
    return fmt::format("TRY_CAST({0} AS BIGINT) = {1} AND TRY_CAST({0} AS DOUBLE) = {1}::DOUBLE", value, key);
  if (type == FieldType::kBoolean) return fmt::format("TRY_CAST({}::VARCHAR AS BOOLEAN) = {}", value, key);
  return fmt::format("{}::VARCHAR = {}", value, key);
}

class Join {
 public:
  static Result<Join> prepare(const FeatureStore& store, const JoinOptions& options) {
    Join join(store, options, TRY(duck::Session::open({options.threads, options.memory_mb})));
    TRY(join.read_entities());
    for (std::size_t i = 0; i < options.groups.size(); ++i) TRY(join.add_group(i).in("group " + options.groups[i]));
    return join;
  }

  duck::Session& session() { return session_; }
  std::uint64_t entities() const { return entities_; }
  std::string sql() const { return select_ + from_; }

 private:
  Join(const FeatureStore& store, const JoinOptions& options, duck::Session session)
      : store_(store),
        options_(options),
        name_(options.name.empty() ? options.entities.string() : options.name),
        session_(std::move(session)) {}

  // DuckDB's messages name the file that it reads.
  template <typename T>
  T by_name(T result) const {
    if (result.ok()) return result;
    const std::string path = options_.entities.string();
    std::string message(result.message());
    for (std::size_t at = 0; (at = message.find(path, at)) != message.npos; at += name_.size())
      message.replace(at, path.size(), name_);
    return Status(result.code(), name_ + ": " + message);
  }

  Status read_entities() {
    const std::string file = options_.entities.string();
    std::error_code error;
    if (!fs::exists(options_.entities, error)) return not_found("{}: no such file", name_);
    const bool parquet = options_.entities.extension() == ".parquet";
    const auto source = [&](const std::string& more) {
      return parquet ? fmt::format("read_parquet({})", quoted_text(file))
                     : fmt::format("read_csv({}, header = true{})", quoted_text(file), more);
    };
    const auto columns = TRY(by_name(session_.query("DESCRIBE SELECT * FROM " + source(""))));
    std::vector<std::string> names;
    std::string texts;  // Keys that are, whatever they look like.
    for (const auto& row : columns.rows) {
      const std::string& name = names.emplace_back(row[0].as_string());
      types_.emplace_back(name, std::string(row[1].as_string()));
      if (is_text_key(name)) texts += fmt::format("{}{}: 'VARCHAR'", texts.empty() ? "" : ", ", quoted_text(name));
    }
    row_ = quoted_name(unlike("__row", names));
    time_ = quoted_name(unlike("__time", names));
    const std::string type = TRY(type_of(options_.time_column, "the time"));
    if (!type.starts_with("TIMESTAMP") && type != "VARCHAR" && type != "DATE")
      return invalid_argument("{}: column {} is {}, expected a TIMESTAMP or text in RFC 3339", name_,
                              options_.time_column, type);
    const std::string time = quoted_name(options_.time_column);
    TRY(by_name(session_.exec(fmt::format(
        "CREATE TABLE entities AS SELECT *, row_number() OVER () AS {}, TRY_CAST({} AS TIMESTAMPTZ) AS {} FROM {}",
        row_, time, time_, source(texts.empty() ? "" : fmt::format(", types = {{{}}}", texts))))));
    const auto wrong = TRY(session_.query(
        fmt::format("SELECT {0}, {1}::VARCHAR FROM entities WHERE {2} IS NULL ORDER BY 1 LIMIT 1", row_, time, time_)));
    if (!wrong.rows.empty())
      return invalid_argument(
          "{}: column {}, row {}: {} is no time", name_, options_.time_column, wrong.rows[0][0].as_int64(),
          wrong.rows[0][1].is_null() ? "nothing" : "'" + std::string(wrong.rows[0][1].as_string()) + "'");
    select_ = fmt::format("SELECT e.* EXCLUDE ({}, {})", row_, time_);
    from_ = " FROM entities e";
    const auto count = TRY(session_.query("SELECT count(*) FROM entities"));
    entities_ = static_cast<std::uint64_t>(count.rows[0][0].as_int64());
    return ok();
  }

  bool is_text_key(std::string_view column) const {
    return std::ranges::any_of(store_.groups(), [&](const FeatureGroup& group) {
      const auto key = std::ranges::find(group.keys, column, &FeatureKey::name);
      return std::ranges::find(options_.groups, group.name) != options_.groups.end() && key != group.keys.end() &&
             key->type == FieldType::kText;
    });
  }

  Result<std::string> type_of(const std::string& column, std::string_view what) const {
    std::string known;
    for (const auto& [name, type] : types_) {
      if (name == column) return type;
      known += (known.empty() ? "" : ", ") + name;
    }
    // A row of too few fields, and DuckDB takes the lines for a column of their own.
    if (types_.size() == 1 && known.find_first_of(",;\t") != known.npos)
      return invalid_argument("{}: '{}' was taken for the name of one column; not every row has as many fields", name_,
                              known);
    return invalid_argument("{}: no column {} for {}; there are: {}", name_, column, what, known);
  }

  // A table of the answers goes beside the frame, row by row.
  Status add_group(std::size_t index) {
    const std::string& name = options_.groups[index];
    const auto group = std::ranges::find(store_.groups(), name, &FeatureGroup::name);
    if (group == store_.groups().end()) {
      std::string known;
      for (const auto& each : store_.groups()) known += (known.empty() ? "" : ", ") + each.name;
      return not_found("there is none; there are: {}", known);
    }
    const std::string history = fmt::format("history{}", index), outbox = fmt::format("outbox{}", index);
    const FeatureStore::OfflineView view = TRY(store_.offline(name));  // Holds its files.
    TRY(create_rows_table(session_, outbox, *group, view.outbox));
    TRY(session_.exec(fmt::format("CREATE VIEW {} AS {}", history, history_sql(*group, view.files, outbox))));
    const Series series = TRY(series_of(*group, index));
    std::size_t rows = view.outbox.size();
    for (const OfflineFile& file : view.files) rows += file.rows;
    Versions versions = TRY(versions_of(*group, history, series, rows));
    const Answers answers = answers_of(versions);
    const std::vector<Question> questions = TRY(questions_of(series));
    const std::vector<std::size_t> found = ask(answers, questions);

    const std::string table = fmt::format("answers{}", index);
    std::string columns = "event_time AS " + quoted_name(name + "__event_time");
    for (const auto& column : group->columns)
      columns += fmt::format(", {} AS {}", quoted_name(column.name), quoted_name(name + "__" + column.name));
    TRY(session_.exec(fmt::format("CREATE TABLE {} AS SELECT {} FROM {} LIMIT 0", table, columns, history)));
    TRY(write(table, versions, questions, found));
    select_ += fmt::format(", {}.*", table);
    from_ += " POSITIONAL JOIN " + table;
    return ok();
  }

  Status write(const std::string& table, const Versions& versions, std::span<const Question> questions,
               std::span<const std::size_t> found) {
    constexpr std::size_t kAhead = 16;  // Rows whose values are fetched while others are written.
    auto appender = TRY(duck::Appender::open(session_, table));
    for (std::size_t i = 0; i < found.size(); ++i) {
      const auto values = [&](std::size_t row) { return versions.values.data() + found[row] * versions.width; };
      if (i + kAhead < found.size() && found[i + kAhead] != Answers::kNone) prefetch(values(i + kAhead));
      bool answered = found[i] != Answers::kNone;
      if (answered && options_.max_age)
        answered = questions[i].moment - std::get<std::int64_t>(*values(i)) <= options_.max_age->count();
      if (answered)
        appender.time(std::get<std::int64_t>(*values(i)));
      else
        appender.null();
      for (std::size_t c = 1; c < versions.width; ++c) append_value(appender, answered ? values(i)[c] : FeatureValue());
      TRY(appender.end_row());
    }
    return appender.close();
  }

  // A group's series have numbers from 0; without keys there is one.
  struct Series {
    std::size_t count = 1;
    std::string number = "0::BIGINT", to_rows, to_entities;  // SQL: it, and the JOINs after the tables that give it.
  };

  Result<Series> series_of(const FeatureGroup& group, std::size_t index) {
    if (group.keys.empty()) return Series{};
    const std::string table = fmt::format("series{}", index), keys = key_columns(group).substr(2);
    std::vector<std::string> names;
    for (const auto& key : group.keys) names.push_back(key.name);
    const std::string number = quoted_name(unlike("__series", names));
    TRY(session_.exec(
        fmt::format("CREATE TABLE {} AS SELECT *, row_number() OVER () - 1 AS {} FROM (SELECT DISTINCT {} "
                    "FROM history{})",
                    table, number, keys, index)));
    std::string same, equal;
    for (const auto& key : group.keys) {
      TRY(type_of(key.name, "key of group " + group.name));
      const std::string also = same.empty() ? "" : " AND ", ours = table + "." + quoted_name(key.name),
                        theirs = "t." + quoted_name(key.name);
      same += fmt::format("{}{} = {}", also, theirs, ours);
      equal += also + is_key(key.type, theirs, ours);
    }
    const auto count = TRY(session_.query("SELECT count(*) FROM " + table));
    return Series{static_cast<std::size_t>(count.rows[0][0].as_int64()), table + "." + number,
                  fmt::format(" JOIN {} ON {}", table, same), fmt::format(" LEFT JOIN {} ON {}", table, equal)};
  }

  Result<Versions> versions_of(const FeatureGroup& group, const std::string& history, const Series& series,
                               std::size_t rows) {
    Versions versions{.series = series.count, .width = 1 + group.columns.size()};
    versions.all.reserve(rows);
    versions.values.reserve(rows * versions.width);
    std::string columns;
    for (const auto& column : group.columns) columns += ", t." + quoted_name(column.name);
    const std::string sql = fmt::format("SELECT {}, {}, {}, revision::BIGINT, is_deleted{} FROM {} t{}", series.number,
                                        ms_of("write_time"), ms_of("window_end"), columns, history, series.to_rows);
    TRY(session_.scan(sql, [&](const duck::Chunk& chunk) {
      for (std::size_t i = 0; i < chunk.rows(); ++i) {
        const std::int64_t written = chunk.integer(1, i), window = chunk.integer(2, i);
        const std::int64_t known = options_.known_now ? window : std::max(written, window);
        versions.all.push_back(
            {chunk.integer(0, i), known, window, chunk.integer(3, i), versions.all.size(), chunk.boolean(4, i)});
        versions.values.emplace_back(window);
        for (std::size_t c = 0; c < group.columns.size(); ++c)
          versions.values.push_back(feature_value(group.columns[c], chunk, 5 + c, i));
      }
      return ok();
    }));
    return versions;
  }

  Result<std::vector<Question>> questions_of(const Series& series) {
    std::vector<Question> questions(entities_);
    TRY(session_.scan(
        fmt::format("SELECT {}, {}, {} FROM entities t{}", row_, series.number, ms_of(time_), series.to_entities),
        [&](const duck::Chunk& chunk) {
          for (std::size_t i = 0; i < chunk.rows(); ++i)
            if (!chunk.null(1, i) && !chunk.null(2, i))  // Infinite times have no number.
              questions[static_cast<std::size_t>(chunk.integer(0, i)) - 1] = {chunk.integer(1, i), chunk.integer(2, i)};
          return ok();
        }));
    return questions;
  }

  const FeatureStore& store_;
  const JoinOptions& options_;
  const std::string name_;  // Of the frame, in errors.
  duck::Session session_;
  std::vector<std::pair<std::string, std::string>> types_;  // Of the frame's columns.
  std::string row_, time_;                                  // Columns that the frame has beside its own.
  std::uint64_t entities_ = 0;                              // Its rows.
  std::string select_, from_;
};

}  // namespace

Result<std::uint64_t> join_to_file(const FeatureStore& store, const JoinOptions& options, const fs::path& out) {
  const bool parquet = out.extension() == ".parquet";
  if (!parquet && out.extension() != ".csv")
    return invalid_argument("{}: the name ends neither in .csv nor in .parquet", out.string());
  auto join = TRY(Join::prepare(store, options));
  const fs::path temporary = out.string() + ".tmp";
  const std::string_view format = parquet ? "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1"
                                          : "FORMAT csv, HEADER, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%S.%fZ'";
  Status written =
      join.session().exec(fmt::format("COPY ({}) TO {} ({})", join.sql(), quoted_text(temporary.string()), format));
  if (!written.ok()) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    return std::move(written).in(out.string());
  }
  TRY(publish_file(temporary, out));
  return join.entities();
}

Result<duck::Table> join_to_rows(const FeatureStore& store, const JoinOptions& options, std::size_t most) {
  auto join = TRY(Join::prepare(store, options));
  return join.session().query(fmt::format("{} LIMIT {}", join.sql(), most));
}

}  // namespace tidecast
