#include "features/join.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "features/offline_files.h"
#include "storage/file.h"

namespace tidecast {
namespace {

namespace fs = std::filesystem;
using duck::quoted_name;
using duck::quoted_text;

std::string ms_of(std::string_view column) { return fmt::format("epoch_ms({})", column); }

// ASOF joins take one inequality and, of rows that tie, any.  So "known since", the window and the revision are packed
// into one number, of which no two rows of a series have the same.
struct Packing {
  // The number of a row, and one that is not less than that of whatever was known by a time.
  std::string row, moment;
};

// Of 126 bits: 49 of milliseconds since the year 1, 49 again, 28 of the revision.
constexpr std::int64_t kWindow = std::int64_t{1} << 28;
constexpr std::int64_t kTime = std::int64_t{1} << 49;
Packing wide_packing(std::string_view known, std::string_view window, std::string_view revision,
                     std::string_view time) {
  return {fmt::format("(({} + {})::HUGEINT * {} + {} + {}) * {} + {}", known, -kCalendarBeginMs, kTime, window,
                      -kCalendarBeginMs, kWindow, revision),
          fmt::format("(({} + {})::HUGEINT * {} + {}) * {} + {}", time, -kCalendarBeginMs, kTime, kTime - 1, kWindow,
                      kWindow - 1)};
}

// Where rows have one revision and were known soon after their windows, 63 bits are enough, which DuckDB sorts in two
// thirds of the time: the milliseconds from `first`, at most `last`, and how much less than `slowest` it took to know.
// nullopt: they are not.
std::optional<Packing> narrow_packing(std::string_view known, std::string_view window, std::int64_t first,
                                      std::int64_t last, std::int64_t slowest, std::string_view time) {
  const std::int64_t step = slowest + 1;
  if (last - first + 1 >= std::numeric_limits<std::int64_t>::max() / step) return std::nullopt;
  return Packing{fmt::format("({0} - {1}) * {2} + {3} - ({0} - {4})", known, first, step, slowest, window),
                 fmt::format("least(greatest({} - {}, -1), {}) * {} + {}", time, first, last - first, step, slowest)};
}

// Which row answers from when on, of a group whose rows were corrected or erased: the versions of each series are gone
// through in the order in which they became known.  In what comes out write_time is "known since", `deleted` that no
// row answers, and revision counts on, so that the last of several at one moment is the greatest.
std::vector<FeatureRow> answers_in_time(std::vector<FeatureRow> versions) {
  const auto known = [](const FeatureRow& row) {
    return std::max(row.write_time, ProcessingTime::from_ms(row.window_end.ms()));
  };
  std::ranges::sort(versions, {}, [&](const FeatureRow& row) {
    return std::tuple<std::string_view, ProcessingTime, EventTime, std::uint32_t>(row.key, known(row), row.window_end,
                                                                                  row.revision);
  });
  std::vector<FeatureRow> answers;
  std::map<EventTime, const FeatureRow*> alive;  // Of the series, by window.
  const FeatureRow* last = nullptr;
  for (std::size_t i = 0; i < versions.size(); ++i) {
    const FeatureRow& version = versions[i];
    if (i > 0 && versions[i - 1].key != version.key) alive.clear(), last = nullptr;
    if (version.deleted)
      alive.erase(version.window_end);
    else
      alive[version.window_end] = &version;
    const FeatureRow* answer = alive.empty() ? nullptr : alive.rbegin()->second;
    if (answer == last) continue;
    last = answer;
    FeatureRow& entry = answers.emplace_back(answer == nullptr ? version : *answer);
    entry.deleted = answer == nullptr;
    entry.write_time = known(version);
    entry.revision = static_cast<std::uint32_t>(answers.size() % kWindow);
  }
  return answers;
}

class Join {
 public:
  static Result<Join> prepare(const FeatureStore& store, const JoinOptions& options) {
    Join join(store, options, TRY(duck::Session::open({options.threads, options.memory_mb})));
    TRY(join.read_entities());
    for (std::size_t i = 0; i < options.groups.size(); ++i) TRY(join.add_group(i).in("group " + options.groups[i]));
    join.from_ += " ORDER BY e.__row";
    return join;
  }

  duck::Session& session() { return session_; }
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
    const std::string source = fmt::format("{}({})", parquet ? "read_parquet" : "read_csv",
                                           quoted_text(file) + (parquet ? "" : ", header = true"));
    const auto columns = TRY(by_name(session_.query("DESCRIBE SELECT * FROM " + source)));
    for (const auto& row : columns.rows)
      types_.emplace_back(std::string(row[0].as_string()), std::string(row[1].as_string()));
    const std::string type = TRY(type_of(options_.time_column, "the time"));
    if (!type.starts_with("TIMESTAMP") && type != "VARCHAR" && type != "DATE")
      return invalid_argument("{}: column {} is {}, expected a TIMESTAMP or text in RFC 3339", name_,
                              options_.time_column, type);
    const std::string time = quoted_name(options_.time_column);
    TRY(
        by_name(session_.exec(fmt::format("CREATE TABLE entities AS SELECT *, row_number() OVER () AS __row, "
                                          "TRY_CAST({} AS TIMESTAMPTZ) AS __time FROM {}",
                                          time, source))));
    const auto wrong = TRY(session_.query(
        fmt::format("SELECT __row, {}::VARCHAR FROM entities WHERE __time IS NULL ORDER BY __row LIMIT 1", time)));
    if (!wrong.rows.empty())
      return invalid_argument(
          "{}: column {}, row {}: {} is no time", name_, options_.time_column, wrong.rows[0][0].as_int64(),
          wrong.rows[0][1].is_null() ? "nothing" : "'" + std::string(wrong.rows[0][1].as_string()) + "'");
    select_ = "SELECT e.* EXCLUDE (__row, __time)";
    from_ = " FROM entities e";
    return ok();
  }

  Result<std::string> type_of(const std::string& column, std::string_view what) const {
    std::string known;
    for (const auto& [name, type] : types_) {
      if (name == column) return type;
      known += (known.empty() ? "" : ", ") + name;
    }
    return invalid_argument("{}: no column {} for {}; there are: {}", name_, column, what, known);
  }

  // Joins the group's timeline: for each series a row and since when it answers.
  Status add_group(std::size_t index) {
    const std::string& name = options_.groups[index];
    const auto group = std::ranges::find(store_.groups(), name, &FeatureGroup::name);
    if (group == store_.groups().end()) {
      std::string known;
      for (const auto& each : store_.groups()) known += (known.empty() ? "" : ", ") + each.name;
      return not_found("there is none; there are: {}", known);
    }
    const Timeline timeline = TRY(timeline_of(*group, index));
    const std::string table = fmt::format("g{}", index);
    from_ += fmt::format(" ASOF LEFT JOIN ({}) {} ON ", timeline.sql, table);
    for (const auto& key : group->keys) {
      TRY(type_of(key.name, "key of group " + name));
      const char* type = key.type == FieldType::kInteger   ? "BIGINT"
                         : key.type == FieldType::kBoolean ? "BOOLEAN"
                                                           : "VARCHAR";
      from_ +=
          fmt::format("TRY_CAST(e.{} AS {}) = {}.{} AND ", quoted_name(key.name), type, table, quoted_name(key.name));
    }
    from_ += fmt::format("{} >= {}.__known", timeline.moment, table);
    const std::string counts = options_.max_age
                                   ? fmt::format("NOT {0}.is_deleted AND {1} - {2} <= {3}", table, ms_of("e.__time"),
                                                 ms_of(table + ".event_time"), options_.max_age->count())
                                   : fmt::format("NOT {}.is_deleted", table);
    const auto add_column = [&](const std::string& column) {
      select_ += fmt::format(", CASE WHEN {} THEN {}.{} END AS {}", counts, table, quoted_name(column),
                             quoted_name(name + "__" + column));
    };
    add_column("event_time");
    for (const auto& column : group->columns) add_column(column.name);
    return ok();
  }

  // Rows with a number each, __known, and SQL of the number that is compared with it.
  struct Timeline {
    std::string sql, moment;
  };

  Result<Timeline> timeline_of(const FeatureGroup& group, std::size_t index) {
    const auto& view = views_.emplace_back(TRY(store_.offline(group.name)));
    const std::string outbox = fmt::format("outbox{}", index), history = fmt::format("history{}", index);
    TRY(create_rows_table(session_, outbox, group, view.outbox));
    TRY(session_.exec(fmt::format("CREATE VIEW {} AS {}", history, history_sql(group, view.files, outbox))));
    const auto timeline = [&](const Packing& packing, const std::string& rows) -> Timeline {
      return {fmt::format("SELECT event_time, is_deleted{}{}, {} AS __known FROM {}", key_columns(group),
                          feature_columns(group), packing.row, rows),
              packing.moment};
    };
    const std::string end = ms_of("window_end"), written = ms_of("write_time"), time = ms_of("e.__time");
    if (options_.known_now) return timeline(wide_packing(end, end, "0", time), "(" + latest_sql(group, history) + ")");
    const std::string known = fmt::format("greatest({}, {})", end, written);
    const auto facts = TRY(session_.query(
        fmt::format("SELECT coalesce(bool_or(revision > 0 OR is_deleted), false), coalesce(min({0}), 0), "
                    "coalesce(max({0}), 0), coalesce(max({0} - {1}), 0) FROM {2}",
                    known, end, history)));
    const auto& fact = facts.rows[0];
    if (!fact[0].as_bool()) {  // A window that closed later was known no earlier: none hides a newer one.
      const auto narrow = narrow_packing(known, end, fact[1].as_int64(), fact[2].as_int64(), fact[3].as_int64(), time);
      return timeline(narrow ? *narrow : wide_packing(known, end, "revision", time), history);
    }
    const std::string answers = fmt::format("answers{}", index);
    TRY(create_rows_table(session_, answers, group,
                          answers_in_time(TRY(store_.select(group.name, {.history = true})))));
    return timeline(wide_packing(written, fmt::format("{}", kCalendarBeginMs), "revision", time), answers);
  }

  const FeatureStore& store_;
  const JoinOptions& options_;
  const std::string name_;  // Of the frame, in errors.
  duck::Session session_;
  std::vector<std::pair<std::string, std::string>> types_;  // Of the frame's columns.
  std::vector<FeatureStore::OfflineView> views_;            // Hold their files.
  std::string select_, from_;
};

}  // namespace

Result<std::uint64_t> join_to_file(const FeatureStore& store, const JoinOptions& options, const fs::path& out) {
  const bool parquet = out.extension() == ".parquet";
  if (!parquet && out.extension() != ".csv")
    return invalid_argument("{}: the name ends neither in .csv nor in .parquet", out.string());
  auto join = TRY(Join::prepare(store, options));
  const fs::path temporary = out.string() + ".tmp";
  const std::string_view format =
      parquet ? "FORMAT parquet, COMPRESSION zstd" : "FORMAT csv, HEADER, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%S.%fZ'";
  TRY(join.session()
          .exec(fmt::format("COPY ({}) TO {} ({})", join.sql(), quoted_text(temporary.string()), format))
          .in(out.string()));
  TRY(publish_file(temporary, out));
  const auto rows = TRY(join.session().query("SELECT count(*) FROM entities"));
  return static_cast<std::uint64_t>(rows.rows[0][0].as_int64());
}

Result<duck::Table> join_to_rows(const FeatureStore& store, const JoinOptions& options, std::size_t most) {
  auto join = TRY(Join::prepare(store, options));
  return join.session().query(fmt::format("{} LIMIT {}", join.sql(), most));
}

}  // namespace tidecast
