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
  WITH RECURSIVE counted AS MATERIALIZED (
    SELECT n$, place$, t$, before$, "station", "member", "seconds", "bike", 1 AS series$,
      NOT (before$ > 0 AND before$ >= t$ + 500 - 1) AS alone$
    FROM judged WHERE counts$
  ), weighed AS (
    SELECT *, min(before$) OVER (PARTITION BY series$ ORDER BY t$
      RANGE BETWEEN 1 FOLLOWING AND 500 FOLLOWING) AS joined$ FROM counted WHERE alone$
  ), parted AS (
    SELECT *, coalesce(t$ > lag(t$) OVER series AND lag(coalesce((joined$ > 0 AND joined$ >= t$ + 500 - 1), true)) OVER series,
      true) AS apart$ FROM weighed WINDOW series AS (PARTITION BY series$ ORDER BY t$)
  ), sure AS MATERIALIZED (
    SELECT n$, place$, t$, before$, "station", "member", "seconds", "bike", series$, alone$,
      sum(apart$::BIGINT) OVER (ORDER BY series$, t$ RANGE UNBOUNDED PRECEDING) AS session$ FROM parted
  ), ends AS (
    SELECT series$, session$, max(t$) + 500 AS end$ FROM sure GROUP BY series$, session$
  ), candidates AS MATERIALIZED (
    SELECT *, min(t$) FILTER (alone$) OVER (PARTITION BY session$ ORDER BY place$
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS low$ FROM (
      FROM sure UNION ALL
      SELECT counted.*, session$ FROM counted ASOF JOIN ends
        ON counted.series$ = ends.series$ AND before$ + 2 <= end$ WHERE NOT alone$)
  ), early AS MATERIALIZED (
    SELECT session$ AS session, place$ AS place, t$ AS t, low$ AS low FROM candidates WHERE NOT alone$ AND t$ < low$
  ), lowered(session, place, start) AS (
    SELECT DISTINCT session, 0::BIGINT, 9223372036854775807 FROM early
    UNION ALL
    SELECT e.session, min(e.place), arg_min(e.t, e.place) FROM lowered l JOIN early e ON e.session = l.session
      AND e.place > l.place AND e.t < l.start AND least(e.low, l.start) <= e.t + 500 GROUP BY e.session
  ), taken AS (
    FROM candidates WHERE alone$ OR t$ >= low$ OR place$ IN (
      SELECT e.place FROM early e ASOF JOIN lowered l ON e.session = l.session AND e.place > l.place
      WHERE least(e.low, l.start) <= e.t + 500)
  )
  SELECT n$, place$, "station", "member", "seconds", "bike", min(t$) OVER (PARTITION BY session$) AS start$,
    max(t$) OVER (PARTITION BY session$) + 500 AS end$ FROM taken
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
