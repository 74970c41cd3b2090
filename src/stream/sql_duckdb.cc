#include "stream/sql_duckdb.h"

#include <algorithm>

#include "stream/sql_decode.h"
#include "stream/sql_text.h"

namespace tidecast {
namespace {

std::string name(std::string_view text) { return sql::identifier(text, '"'); }

// `text` for every index below `count` with "{0}" being index + 1, joined.
template <typename Make>
std::string joined(std::size_t count, std::string_view between, Make make) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += (i == 0 ? "" : std::string(between)) + make(i);
  return out;
}

// The text as the body of a CTE.
std::string indented(const std::string& text) {
  std::string out = "  ";
  for (const char c : text) out += c == '\n' ? "\n  " : std::string(1, c);
  return out;
}

// Whether a window's end has been reached by `watermark`.  Nothing is before the watermark is above 0, as in Flink.
std::string reached(std::string_view watermark, std::string_view end, Milliseconds more = 0ms) {
  return fmt::format("({0} > 0 AND {0} >= {1} - 1{2})", watermark, end,
                     more > 0ms ? fmt::format(" + {}", more.count()) : "");
}

class Compiler {
 public:
  Compiler(const PipelineOptions& options, std::size_t index, const JudgedBefore& before)
      : group_(options.groups[index]),
        event_(options.events[group_.event]),
        before_(before),
        alone_(options.sources.size() == 1 && before.number == 0) {
    for (std::size_t i = 0; i < options.sources.size(); ++i)
      if (event_.sources.empty() || std::ranges::find(event_.sources, i) != event_.sources.end())
        sources_.push_back(options.sources[i].name);
  }

  Result<DuckdbSql> compile() const {
    return DuckdbSql{TRY(judged()), group_.kind == WindowKind::kSession ? sessions() : windows(), rows()};
  }

 private:
  std::string field(std::size_t i) const { return name(event_.fields[i].name); }
  std::string fields(std::string_view before = "") const {
    return joined(event_.fields.size(), "", [&](std::size_t i) { return fmt::format(", {}{}", before, field(i)); });
  }
  std::string keys(std::string_view before = ", ") const {
    return joined(group_.key.size(), "", [&](std::size_t i) { return std::string(before) + field(group_.key[i]); });
  }

  // What holds of a record, `then` or `now`.
  template <typename T>
  std::string of_then(const T& then, const T& now) const {
    return before_.number == 0 ? fmt::format("{}", now)
                               : fmt::format("CASE WHEN n$ < {} THEN {} ELSE {} END", before_.number, then, now);
  }

  // The watermark at each place.  A name with a '$' is the statement's own: no field is called so.
  Result<std::string> judged() const {
    const std::string where = TRY(sql::where(group_, event_, '"'));
    const std::string decoded = TRY(sql::decoded(event_));
    // A single source is all there is, unless another brought records of this event before.
    std::string state = fmt::format("    max(t$){} OVER upto AS newest$",
                                    alone_ ? "" : fmt::format(" FILTER (name$ = {})", sql::text(sources_[0]))),
                newest = "newest$";
    if (sources_.size() > 1) {
      state = joined(sources_.size(), ",\n", [&](std::size_t i) {
        return fmt::format(
            "    max(t$) FILTER ({1}) OVER upto AS newest${0},\n"
            "    coalesce(max(place$) FILTER ({1} AND kind$ = 'source_idle') OVER upto, 0)\n"
            "      > coalesce(max(place$) FILTER ({1} AND kind$ = 'record') OVER upto, 0) AS idle${0}",
            i + 1, "name$ = " + sql::text(sources_[i]));
      });
      const auto each = [&](std::string_view between, std::string_view text) {
        return joined(sources_.size(), between, [&](std::size_t i) { return fmt::format(fmt::runtime(text), i + 1); });
      };
      // Those that are not idle are waited for, one that brought nothing yet for ever; where all are idle, none is.
      newest = fmt::format("CASE WHEN {} THEN greatest({})\n      WHEN {} THEN NULL\n      ELSE least({}) END",
                           each(" AND ", "idle${}"), each(", ", "newest${}"),
                           each(" OR ", "(NOT idle${0} AND newest${0} IS NULL)"),
                           each(", ", "CASE WHEN NOT idle${0} THEN newest${0} END"));
    }
    return fmt::format(
        "WITH decoded AS (\n{decoded}\n), timeline AS (\n"
        "  SELECT n$, 1 AS step$, 0 AS i$, at$, 'record' AS kind$, name$, t$, NULL AS forced${fields} FROM decoded\n"
        "  UNION ALL\n"
        "  SELECT n, 0, i, arrival, kind, name, CASE WHEN kind = 'newest' THEN epoch_ms(time) END,\n"
        "    CASE WHEN kind = 'forced_watermark' THEN epoch_ms(time) END{nulls} FROM clock_marks\n"
        "  WHERE kind <> 'forced_watermark' OR name = {group}\n"
        "), places AS (\n"
        "  SELECT *, row_number() OVER (ORDER BY n$, step$, i$) AS place$ FROM timeline\n"
        "), states AS (\n"
        "  SELECT *,\n{state}\n  FROM places WINDOW upto AS (ORDER BY place$ ROWS UNBOUNDED PRECEDING)\n"
        "), moved AS (\n"
        "  SELECT *, max(greatest({newest} - {lateness}, forced$, 0))\n"
        "    OVER (ORDER BY place$ ROWS UNBOUNDED PRECEDING) AS watermark$ FROM states\n"
        ")\n"
        "SELECT *, lag(watermark$, 1, 0) OVER (ORDER BY place$) AS before$,\n"
        "  coalesce(kind$ = 'record' AND t$ IS NOT NULL{where}, false) AS counts$ FROM moved",
        fmt::arg("decoded", indented(decoded)), fmt::arg("fields", fields()),
        fmt::arg("nulls", joined(event_.fields.size(), "", [](std::size_t) { return ", NULL"; })),
        fmt::arg("group", sql::text(group_.name)), fmt::arg("state", state), fmt::arg("newest", newest),
        fmt::arg("lateness", of_then(before_.lateness.count(), group_.lateness.count())),
        fmt::arg("where", where.empty() ? "" : " AND (" + where + ")"));
  }

  // Windows on the grid; of a hopping one's overlapping windows those count a record that have not closed.
  std::string windows() const {
    const std::int64_t width = group_.window.count();
    const std::int64_t step = group_.kind == WindowKind::kHopping ? group_.every.count() : width;
    const std::string shift = group_.offset > 0ms ? fmt::format(" - {}", group_.offset.count()) : "";
    std::string start = fmt::format("t$ - ((t${0}) % {1} + {1}) % {1}", shift, step), from = "judged";
    if (width > step) {
      start += fmt::format(" - back$ * {}", step);
      from += fmt::format(", range({}) AS overlapping(back$)", width / step);
    }
    const auto gone = [&](Milliseconds allowed) {
      return reached("before$", fmt::format("start$ + {}", width), allowed);
    };
    return fmt::format(
        "SELECT *, start$ + {0} AS end$ FROM (\n"
        "  SELECT n$, place$, before${1}, {2} AS start$ FROM {3} WHERE counts$)\n"
        "WHERE NOT {4}",
        width, fields(), start, from, of_then(gone(before_.allowed_lateness), gone(group_.allowed_lateness)));
  }

  // Sessions.  Records of a series that could belong together are an island.  An island is calm if each of its records
  // came while it could open a session alone, and each but the last was joined by a later one before its session would
  // have closed: then it is one session.  The other islands are played through, one record of each at a time.
  std::string sessions() const {
    return fmt::format(
        "WITH RECURSIVE counted AS (\n"
        "  SELECT n$, place$, t$, before${fields},\n"
        "    t$ - lag(t$) OVER ({by}ORDER BY t$) > {gap} AS apart$,\n"
        "    min(before$) OVER ({by}ORDER BY t$ RANGE BETWEEN 1 FOLLOWING AND {gap} FOLLOWING) AS joined$\n"
        "  FROM judged WHERE counts$\n"
        "), islands AS (\n"
        "  SELECT *, count(*) FILTER (apart$) OVER ({by}ORDER BY t$ RANGE UNBOUNDED PRECEDING) AS island$ FROM "
        "counted\n"
        "), weighed AS (\n"
        "  SELECT *, min(t$) OVER island AS start$, max(t$) OVER island + {gap} AS end$,\n"
        "    bool_and(NOT {alone} AND NOT coalesce({left}, false)) OVER island AS calm$\n"
        "  FROM islands WINDOW island AS (PARTITION BY island${keys})\n"
        "), restless AS MATERIALIZED (\n"
        "  SELECT place$ AS place, t$ AS t, before$ AS before, dense_rank() OVER (ORDER BY island${keys}) AS id,\n"
        "    row_number() OVER (PARTITION BY island${keys} ORDER BY place$) AS turn\n"
        "  FROM weighed WHERE NOT calm$\n"
        "), played(id, turn, place, t, taken, live, closed) AS (\n"
        "  SELECT DISTINCT id, 0::BIGINT, 0::BIGINT, 0::BIGINT, false, []::STRUCT(s BIGINT, e BIGINT)[],\n"
        "    []::STRUCT(s BIGINT, e BIGINT)[] FROM restless\n"
        "  UNION ALL\n"
        "  SELECT id, turn, place, t, NOT {merged},\n"
        "    CASE WHEN {merged} THEN open\n"
        "      ELSE list_append(list_filter(open, lambda x: x.s > t + {gap} OR x.e < t), {{'s': s, 'e': e}}) END, "
        "closed\n"
        "  FROM (\n"
        "    SELECT *, least(t, list_min(list_transform(touched, lambda x: x.s))) AS s,\n"
        "      greatest(t + {gap}, list_max(list_transform(touched, lambda x: x.e))) AS e FROM (\n"
        "      SELECT *, list_filter(open, lambda x: x.s <= t + {gap} AND x.e >= t) AS touched FROM (\n"
        "        SELECT r.*, list_filter(p.live, lambda x: NOT {due}) AS open, list_filter(p.live, lambda x: {due}) AS "
        "closed\n"
        "        FROM played p JOIN restless r ON r.id = p.id AND r.turn = p.turn + 1)))\n"
        "), ended AS (\n"
        "  SELECT id, place, unnest(closed) AS session FROM played\n"
        "  UNION ALL\n"
        "  SELECT id, 9223372036854775807, unnest(arg_max(live, turn)) FROM played GROUP BY id\n"
        "), settled AS (\n"
        "  SELECT p.place, arg_min(e.session, e.place) AS session FROM played p JOIN ended e\n"
        "    ON e.id = p.id AND e.place > p.place AND p.t >= e.session.s AND p.t < e.session.e\n"
        "  WHERE p.taken GROUP BY p.place\n"
        ")\n"
        "SELECT n$, place${fields}, start$, end$ FROM weighed WHERE calm$\n"
        "UNION ALL\n"
        "SELECT n$, place${fields}, session.s, session.e FROM weighed JOIN settled ON place = place$",
        fmt::arg("fields", fields()), fmt::arg("keys", keys()), fmt::arg("gap", group_.window.count()),
        fmt::arg("by", keys().empty() ? "" : "PARTITION BY " + keys().substr(2) + " "),
        fmt::arg("alone", reached("before$", fmt::format("t$ + {}", group_.window.count()))),
        fmt::arg("left", reached("joined$", fmt::format("t$ + {}", group_.window.count()))),
        fmt::arg("merged", reached("before", "e")), fmt::arg("due", reached("r.before", "x.e")));
  }

  // What two right answers may differ by; "" where they may not at all.
  std::string within(const AggregateColumn& column) const {
    if (!column.field) return "";
    const std::string x = field(*column.field);
    const bool number = event_.fields[*column.field].type == FieldType::kNumber;
    switch (column.kind) {
      case AggregateKind::kSum: return number ? fmt::format("1e-12 * sum(abs({}))", x) : "";
      case AggregateKind::kAvg:
        return number ? fmt::format("1e-12 * sum(abs({0})) / count({0})", x)
                      : fmt::format(
                            "CASE WHEN abs(sum({0})) < 9007199254740992 THEN 0 ELSE 1e-15 * abs(sum({0})::DOUBLE / "
                            "count({0})) END",
                            x);
      case AggregateKind::kStddev:
        return fmt::format("1e-9 * stddev_samp({0}::DOUBLE) + 1e-12 * max(abs({0}::DOUBLE))", x);
      case AggregateKind::kQuantile: {
        const std::string rank = fmt::format("{} * (count({}) - 1)", column.quantile, x);
        const auto at = [&](std::string_view rounded) {
          return fmt::format("list_sort(list({0}::DOUBLE) FILTER ({0} IS NOT NULL))[1 + {1}({2})::BIGINT]", x, rounded,
                             rank);
        };
        return fmt::format("{1} - {0} + 0.010001 * greatest(abs({0}), abs({1}))", at("floor"), at("ceil"));
      }
      default: return "";
    }
  }

  std::string aggregate(const AggregateColumn& column) const {
    if (!column.field) return "count(*)";
    const std::string x = field(*column.field);
    const bool number = event_.fields[*column.field].type == FieldType::kNumber;
    switch (column.kind) {
      case AggregateKind::kCount: return fmt::format("count({})", x);
      case AggregateKind::kSum:
        if (number)
          return fmt::format("CASE WHEN isfinite(sum({0} ORDER BY place$)) THEN sum({0} ORDER BY place$) END", x);
        return fmt::format(
            "CASE WHEN sum({0}) BETWEEN -9223372036854775808 AND 9223372036854775807 THEN sum({0})::BIGINT END", x);
      case AggregateKind::kMin: return fmt::format("min({})", x);
      case AggregateKind::kMax: return fmt::format("max({})", x);
      case AggregateKind::kAvg:
        if (number)
          return fmt::format(
              "CASE WHEN isfinite(sum({0} ORDER BY place$)) THEN sum({0} ORDER BY place$) / count({0}) END", x);
        return fmt::format("CASE WHEN count({0}) > 0 THEN sum({0})::DOUBLE / count({0})::DOUBLE END", x);
      case AggregateKind::kCountDistinct: return fmt::format("count(DISTINCT {})", x);
      case AggregateKind::kStddev: return fmt::format("stddev_samp({}::DOUBLE)", x);
      case AggregateKind::kFirst: return fmt::format("arg_min({0}, place$) FILTER ({0} IS NOT NULL)", x);
      case AggregateKind::kLast: return fmt::format("arg_max({0}, place$) FILTER ({0} IS NOT NULL)", x);
      case AggregateKind::kQuantile:
        return fmt::format(
            "list_sort(list({0}::DOUBLE) FILTER ({0} IS NOT NULL))[1 + floor({1} * (count({0}) - 1))::BIGINT]", x,
            column.quantile);
    }
    return "";
  }

  std::string rows() const {
    std::string columns;
    for (const AggregateColumn& column : group_.columns) {
      columns += fmt::format(",\n    {} AS {}", aggregate(column), name(column.name));
      if (const std::string most = within(column); !most.empty())
        columns += fmt::format(",\n    {} AS {}", most, name(column.name + " within"));
    }
    // A window closes at the first place whose watermark reaches its end.
    return fmt::format(
        "WITH totals AS (\n"
        "  SELECT start$, end${0}{1}\n"
        "  FROM assigned GROUP BY start$, end${0}\n"
        "), closings AS (\n"
        "  SELECT watermark$, epoch_ms(at$) AS written$, kind$ <> 'record' AS by_clock$ FROM judged WHERE watermark$ > "
        "before$\n"
        ")\n"
        "SELECT totals.*, written$, by_clock$ FROM totals ASOF JOIN closings ON end$ - 1 <= watermark$\n"
        "ORDER BY end$, start${0}",
        keys(), columns);
  }

  const WindowGroup& group_;
  const EventMapping& event_;
  const JudgedBefore before_;
  const bool alone_;                  // One source, now and before.
  std::vector<std::string> sources_;  // That may feed the event.
};

}  // namespace

std::string DuckdbSql::whole() const {
  return fmt::format(
      "WITH judged AS MATERIALIZED (\n{}\n), assigned AS MATERIALIZED (\n{}\n)\nSELECT * FROM (\n{}\n);\n",
      indented(judged), indented(assigned), indented(rows));
}

Result<DuckdbSql> duckdb_sql(const PipelineOptions& options, std::size_t group, const JudgedBefore& before) {
  return Compiler(options, group, before).compile();
}

}  // namespace tidecast
