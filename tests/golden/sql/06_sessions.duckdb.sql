WITH judged AS MATERIALIZED (
  WITH decoded AS (
    SELECT n AS n$, arrival AS at$, source AS name$, TRY_CAST(v[1] AS BIGINT) AS t$,
      v[2] AS "station",
      TRY_CAST(v[3] AS BOOLEAN) AS "member",
      TRY_CAST(v[4] AS DOUBLE) AS "seconds",
      TRY_CAST(v[5] AS BIGINT) AS "bike"
    FROM (
      SELECT n, arrival, source, record,
        CASE WHEN event = '' THEN json_extract_string(record, ['/trip/ended_at', '/stations/1/id', '/member', '/trip/seconds', '/bike']) END AS v FROM archive WHERE event <> '-')
  ), timeline AS (
    SELECT n$, 1 AS step$, 0 AS i$, at$, 'record' AS kind$, name$, t$, NULL AS forced$, "station", "member", "seconds", "bike" FROM decoded
    UNION ALL
    SELECT n, 0, i, arrival, kind, name, CASE WHEN kind = 'newest' THEN epoch_ms(time) END,
      CASE WHEN kind = 'forced_watermark' THEN epoch_ms(time) END, NULL, NULL, NULL, NULL FROM clock_marks
    WHERE kind <> 'forced_watermark' OR name = 'rides'
  ), places AS (
    SELECT *, row_number() OVER (ORDER BY n$, step$, i$) AS place$ FROM timeline
  ), states AS (
    SELECT *,
      max(t$) OVER upto AS newest$
    FROM places WINDOW upto AS (ORDER BY place$ ROWS UNBOUNDED PRECEDING)
  ), moved AS (
    SELECT *, max(greatest(newest$ - 90000, forced$, 0))
      OVER (ORDER BY place$ ROWS UNBOUNDED PRECEDING) AS watermark$ FROM states
  )
  SELECT *, lag(watermark$, 1, 0) OVER (ORDER BY place$) AS before$,
    coalesce(kind$ = 'record' AND t$ IS NOT NULL, false) AS counts$ FROM moved
), assigned AS MATERIALIZED (
  WITH RECURSIVE counted AS (
    SELECT n$, place$, t$, before$, "station", "member", "seconds", "bike",
      t$ - lag(t$) OVER (ORDER BY t$) > 500 AS apart$,
      min(before$) OVER (ORDER BY t$ RANGE BETWEEN 1 FOLLOWING AND 500 FOLLOWING) AS joined$
    FROM judged WHERE counts$
  ), islands AS (
    SELECT *, count(*) FILTER (apart$) OVER (ORDER BY t$ RANGE UNBOUNDED PRECEDING) AS island$ FROM counted
  ), weighed AS (
    SELECT *, min(t$) OVER island AS start$, max(t$) OVER island + 500 AS end$,
      bool_and(NOT (before$ > 0 AND before$ >= t$ + 500 - 1) AND NOT coalesce((joined$ > 0 AND joined$ >= t$ + 500 - 1), false)) OVER island AS calm$
    FROM islands WINDOW island AS (PARTITION BY island$)
  ), restless AS MATERIALIZED (
    SELECT place$ AS place, t$ AS t, before$ AS before, dense_rank() OVER (ORDER BY island$) AS id,
      row_number() OVER (PARTITION BY island$ ORDER BY place$) AS turn
    FROM weighed WHERE NOT calm$
  ), played(id, turn, place, t, taken, live, closed) AS (
    SELECT DISTINCT id, 0::BIGINT, 0::BIGINT, 0::BIGINT, false, []::STRUCT(s BIGINT, e BIGINT)[],
      []::STRUCT(s BIGINT, e BIGINT)[] FROM restless
    UNION ALL
    SELECT id, turn, place, t, NOT (before > 0 AND before >= e - 1),
      CASE WHEN (before > 0 AND before >= e - 1) THEN open
        ELSE list_append(list_filter(open, lambda x: x.s > t + 500 OR x.e < t), {'s': s, 'e': e}) END, closed
    FROM (
      SELECT *, least(t, list_min(list_transform(touched, lambda x: x.s))) AS s,
        greatest(t + 500, list_max(list_transform(touched, lambda x: x.e))) AS e FROM (
        SELECT *, list_filter(open, lambda x: x.s <= t + 500 AND x.e >= t) AS touched FROM (
          SELECT r.*, list_filter(p.live, lambda x: NOT (r.before > 0 AND r.before >= x.e - 1)) AS open, list_filter(p.live, lambda x: (r.before > 0 AND r.before >= x.e - 1)) AS closed
          FROM played p JOIN restless r ON r.id = p.id AND r.turn = p.turn + 1)))
  ), ended AS (
    SELECT id, place, unnest(closed) AS session FROM played
    UNION ALL
    SELECT id, 9223372036854775807, unnest(arg_max(live, turn)) FROM played GROUP BY id
  ), settled AS (
    SELECT p.place, arg_min(e.session, e.place) AS session FROM played p JOIN ended e
      ON e.id = p.id AND e.place > p.place AND p.t >= e.session.s AND p.t < e.session.e
    WHERE p.taken GROUP BY p.place
  )
  SELECT n$, place$, "station", "member", "seconds", "bike", start$, end$ FROM weighed WHERE calm$
  UNION ALL
  SELECT n$, place$, "station", "member", "seconds", "bike", session.s, session.e FROM weighed JOIN settled ON place = place$
)
SELECT * FROM (
  WITH totals AS (
    SELECT start$, end$,
      count(*) AS "rides",
      count(DISTINCT "bike") AS "bikes",
      CASE WHEN isfinite(sum("seconds" ORDER BY place$)) THEN sum("seconds" ORDER BY place$) END AS "seconds",
      1e-12 * sum(abs("seconds")) AS "seconds within"
    FROM assigned GROUP BY start$, end$
  ), closings AS (
    SELECT watermark$, epoch_ms(at$) AS written$, kind$ <> 'record' AS by_clock$ FROM judged WHERE watermark$ > before$
  )
  SELECT totals.*, written$, by_clock$ FROM totals ASOF JOIN closings ON end$ - 1 <= watermark$
  ORDER BY end$, start$
);
