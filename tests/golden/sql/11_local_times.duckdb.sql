WITH judged AS MATERIALIZED (
  WITH decoded AS (
    SELECT n AS n$, arrival AS at$, source AS name$, epoch_ms(coalesce(CASE WHEN timezone('America/New_York', timezone('America/New_York', try_strptime(v[1], '%d/%m/%Y %H:%M:%S')) - INTERVAL 2 HOURS) = try_strptime(v[1], '%d/%m/%Y %H:%M:%S') THEN timezone('America/New_York', try_strptime(v[1], '%d/%m/%Y %H:%M:%S')) - INTERVAL 2 HOURS END, CASE WHEN timezone('America/New_York', timezone('America/New_York', try_strptime(v[1], '%d/%m/%Y %H:%M:%S')) - INTERVAL 1 HOUR) = try_strptime(v[1], '%d/%m/%Y %H:%M:%S') THEN timezone('America/New_York', try_strptime(v[1], '%d/%m/%Y %H:%M:%S')) - INTERVAL 1 HOUR END, CASE WHEN timezone('America/New_York', timezone('America/New_York', try_strptime(v[1], '%d/%m/%Y %H:%M:%S')) - INTERVAL 30 MINUTES) = try_strptime(v[1], '%d/%m/%Y %H:%M:%S') THEN timezone('America/New_York', try_strptime(v[1], '%d/%m/%Y %H:%M:%S')) - INTERVAL 30 MINUTES END, timezone('America/New_York', try_strptime(v[1], '%d/%m/%Y %H:%M:%S')))) AS t$,
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
  SELECT *, start$ + 900000 AS end$ FROM (
    SELECT n$, place$, before$, "station", "member", "seconds", "bike", t$ - ((t$) % 900000 + 900000) % 900000 AS start$ FROM judged WHERE counts$)
  WHERE NOT (before$ > 0 AND before$ >= start$ + 900000 - 1)
)
SELECT * FROM (
  WITH totals AS (
    SELECT start$, end$, "station",
      count(*) AS "rides",
      count(DISTINCT "bike") AS "bikes",
      CASE WHEN isfinite(sum("seconds" ORDER BY place$)) THEN sum("seconds" ORDER BY place$) END AS "seconds",
      1e-12 * sum(abs("seconds")) AS "seconds within"
    FROM assigned GROUP BY start$, end$, "station"
  ), closings AS (
    SELECT watermark$, epoch_ms(at$) AS written$, kind$ <> 'record' AS by_clock$ FROM judged WHERE watermark$ > before$
  )
  SELECT totals.*, written$, by_clock$ FROM totals ASOF JOIN closings ON end$ - 1 <= watermark$
  ORDER BY end$, start$, "station"
);
