WITH judged AS MATERIALIZED (
  WITH decoded AS (
    SELECT n AS n$, arrival AS at$, source AS name$, floor(TRY_CAST(v[1] AS DECIMAL(28, 9)) * 1000)::BIGINT AS t$,
      CASE WHEN v[2] IS NOT NULL THEN TRY_CAST(v[2] AS BIGINT) ELSE TRY_CAST(0 + CASE WHEN json_type(record, '$."inputs"') = 'ARRAY' AND len(json_extract_string(record, '$."inputs"[*]."prev_out"."value"')) = len(json_extract(record, '$."inputs"[*]')) AND list_count(list_transform(json_extract_string(record, '$."inputs"[*]."prev_out"."value"'), lambda x: TRY_CAST(x AS HUGEINT))) = len(list_transform(json_extract_string(record, '$."inputs"[*]."prev_out"."value"'), lambda x: TRY_CAST(x AS HUGEINT)))
          THEN coalesce(list_sum(list_transform(json_extract_string(record, '$."inputs"[*]."prev_out"."value"'), lambda x: TRY_CAST(x AS HUGEINT))), 0) END - CASE WHEN json_type(record, '$."out"') = 'ARRAY' AND len(json_extract_string(record, '$."out"[*]."value"')) = len(json_extract(record, '$."out"[*]')) AND list_count(list_transform(json_extract_string(record, '$."out"[*]."value"'), lambda x: TRY_CAST(x AS HUGEINT))) = len(list_transform(json_extract_string(record, '$."out"[*]."value"'), lambda x: TRY_CAST(x AS HUGEINT)))
          THEN coalesce(list_sum(list_transform(json_extract_string(record, '$."out"[*]."value"'), lambda x: TRY_CAST(x AS HUGEINT))), 0) END AS BIGINT) END AS "fee",
      TRY_CAST(v[3] AS BIGINT) AS "size"
    FROM (
      SELECT n, arrival, source, record,
        CASE WHEN event = '' THEN json_extract_string(record, ['/time', '/fee', '/size']) END AS v FROM archive WHERE event <> '-')
  ), timeline AS (
    SELECT n$, 1 AS step$, 0 AS i$, at$, 'record' AS kind$, name$, t$, NULL AS forced$, "fee", "size" FROM decoded
    UNION ALL
    SELECT n, 0, i, arrival, kind, name, CASE WHEN kind = 'newest' THEN epoch_ms(time) END,
      CASE WHEN kind = 'forced_watermark' THEN epoch_ms(time) END, NULL, NULL FROM clock_marks
    WHERE kind <> 'forced_watermark' OR name = 'tx_metrics'
  ), places AS (
    SELECT *, row_number() OVER (ORDER BY n$, step$, i$) AS place$ FROM timeline
  ), states AS (
    SELECT *,
      max(t$) FILTER (name$ = 'websocket') OVER upto AS newest$1,
      coalesce(max(place$) FILTER (name$ = 'websocket' AND kind$ = 'source_idle') OVER upto, 0)
        > coalesce(max(place$) FILTER (name$ = 'websocket' AND kind$ = 'record') OVER upto, 0) AS idle$1,
      max(t$) FILTER (name$ = 'rest') OVER upto AS newest$2,
      coalesce(max(place$) FILTER (name$ = 'rest' AND kind$ = 'source_idle') OVER upto, 0)
        > coalesce(max(place$) FILTER (name$ = 'rest' AND kind$ = 'record') OVER upto, 0) AS idle$2
    FROM places WINDOW upto AS (ORDER BY place$ ROWS UNBOUNDED PRECEDING)
  ), moved AS (
    SELECT *, max(greatest(CASE WHEN idle$1 AND idle$2 THEN greatest(newest$1, newest$2)
        WHEN (NOT idle$1 AND newest$1 IS NULL) OR (NOT idle$2 AND newest$2 IS NULL) THEN NULL
        ELSE least(CASE WHEN NOT idle$1 THEN newest$1 END, CASE WHEN NOT idle$2 THEN newest$2 END) END - 60000, forced$, 0))
      OVER (ORDER BY place$ ROWS UNBOUNDED PRECEDING) AS watermark$ FROM states
  )
  SELECT *, lag(watermark$, 1, 0) OVER (ORDER BY place$) AS before$,
    coalesce(kind$ = 'record' AND t$ IS NOT NULL, false) AS counts$ FROM moved
), assigned AS MATERIALIZED (
  SELECT *, start$ + 60000 AS end$ FROM (
    SELECT n$, place$, before$, "fee", "size", t$ - ((t$) % 60000 + 60000) % 60000 AS start$ FROM judged WHERE counts$)
  WHERE NOT (before$ > 0 AND before$ >= start$ + 60000 - 1)
)
SELECT * FROM (
  WITH totals AS (
    SELECT start$, end$,
      count(*) AS "total_nb_trx_1min",
      CASE WHEN sum("fee") BETWEEN -9223372036854775808 AND 9223372036854775807 THEN sum("fee")::BIGINT END AS "total_fee_1min",
      CASE WHEN count("fee") > 0 THEN sum("fee")::DOUBLE / count("fee")::DOUBLE END AS "avg_fee_1min",
      CASE WHEN abs(sum("fee")) < 9007199254740992 THEN 0 ELSE 1e-15 * abs(sum("fee")::DOUBLE / count("fee")) END AS "avg_fee_1min within"
    FROM assigned GROUP BY start$, end$
  ), closings AS (
    SELECT watermark$, epoch_ms(at$) AS written$, kind$ <> 'record' AS by_clock$ FROM judged WHERE watermark$ > before$
  )
  SELECT totals.*, written$, by_clock$ FROM totals ASOF JOIN closings ON end$ - 1 <= watermark$
  ORDER BY end$, start$
);
