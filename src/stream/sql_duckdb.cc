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

  // Sessions.  A record that came while it could open a session alone is always taken; two neighbours in time of these
  // are in one session unless the first's had closed before any came that could have joined it.  Another, late one
  // moves no end: it is taken if the session that is open over the watermark began before its own would have ended, and
  // may make it begin earlier.  Only those that do so depend on one another, and are played through.  The parts are
  // numbered by sum(), for DuckDB's windowed count(*) with a filter is quadratic.
  std::string sessions() const {
    const std::string order = keys().empty() ? "" : keys().substr(2);
    return fmt::format(
        "WITH RECURSIVE counted AS MATERIALIZED (\n"
        "  SELECT n$, place$, t$, before${fields}, {series} AS series$,\n"
        "    NOT {closed_alone} AS alone$\n"
        "  FROM judged WHERE counts$\n"
        "), weighed AS (\n"
        "  SELECT *, min(before$) OVER (PARTITION BY series$ ORDER BY t$\n"
        "    RANGE BETWEEN 1 FOLLOWING AND {gap} FOLLOWING) AS joined$ FROM counted WHERE alone$\n"
        "), parted AS (\n"
        "  SELECT *, coalesce(t$ > lag(t$) OVER series AND lag(coalesce({left}, true)) OVER series,\n"
        "    true) AS apart$ FROM weighed WINDOW series AS (PARTITION BY series$ ORDER BY t$)\n"
        "), sure AS MATERIALIZED (\n"
        "  SELECT n$, place$, t$, before${fields}, series$, alone$,\n"
        "    sum(apart$::BIGINT) OVER (ORDER BY series$, t$ RANGE UNBOUNDED PRECEDING) AS session$ FROM parted\n"
        "), ends AS (\n"
        "  SELECT series$, session$, max(t$) + {gap} AS end$ FROM sure GROUP BY series$, session$\n"
        "), candidates AS MATERIALIZED (\n"
        "  SELECT *, min(t$) FILTER (alone$) OVER (PARTITION BY session$ ORDER BY place$\n"
        "    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS low$ FROM (\n"
        "    FROM sure UNION ALL\n"
        "    SELECT counted.*, session$ FROM counted ASOF JOIN ends\n"
        "      ON counted.series$ = ends.series$ AND before$ + 2 <= end$ WHERE NOT alone$)\n"
        "), early AS MATERIALIZED (\n"
        "  SELECT session$ AS session, place$ AS place, t$ AS t, low$ AS low FROM candidates WHERE NOT alone$ AND t$ < "
        "low$\n"
        "), lowered(session, place, start) AS (\n"
        "  SELECT DISTINCT session, 0::BIGINT, 9223372036854775807 FROM early\n"
        "  UNION ALL\n"
        "  SELECT e.session, min(e.place), arg_min(e.t, e.place) FROM lowered l JOIN early e ON e.session = l.session\n"
        "    AND e.place > l.place AND e.t < l.start AND least(e.low, l.start) <= e.t + {gap} GROUP BY e.session\n"
        "), taken AS (\n"
        "  FROM candidates WHERE alone$ OR t$ >= low$ OR place$ IN (\n"
        "    SELECT e.place FROM early e ASOF JOIN lowered l ON e.session = l.session AND e.place > l.place\n"
        "    WHERE least(e.low, l.start) <= e.t + {gap})\n"
        ")\n"
        "SELECT n$, place${fields}, min(t$) OVER (PARTITION BY session$) AS start$,\n"
        "  max(t$) OVER (PARTITION BY session$) + {gap} AS end$ FROM taken",
        fmt::arg("fields", fields()), fmt::arg("gap", group_.window.count()),
        fmt::arg("series", order.empty() ? "1" : fmt::format("dense_rank() OVER (ORDER BY {})", order)),
        fmt::arg("closed_alone", reached("before$", fmt::format("t$ + {}", group_.window.count()))),
        fmt::arg("left", reached("joined$", fmt::format("t$ + {}", group_.window.count()))));
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
