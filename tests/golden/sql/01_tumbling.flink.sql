-- tx_metrics: tumbling windows of 1min; lateness 1min.
-- The source has the records that tidecast stored or found late, each once and in their order: what is refused,
-- double or of another event is left out before.
-- A sum beyond 64 bits wraps here; tidecast has null, and the right average.
-- Seconds are whole here.
SET 'table.local-time-zone' = 'UTC';
SET 'pipeline.auto-watermark-interval' = '0 ms';
CREATE TABLE `tx_metrics_events` (
  `fee` BIGINT,
  `size` BIGINT,
  `time` BIGINT,
  `event_time` AS COALESCE(TO_TIMESTAMP_LTZ(`time` * 1000, 3), TO_TIMESTAMP_LTZ(0, 3)),
  WATERMARK FOR `event_time` AS `event_time` - INTERVAL '0 00:01:00.000' DAY(2) TO SECOND(3)
) WITH (
  'connector' = 'kafka',
  'properties.bootstrap.servers' = 'broker:9092',
  'topic' = 'events',
  'format' = 'json',
  'scan.startup.mode' = 'earliest-offset',
  'scan.watermark.emit.strategy' = 'on-event'
);
CREATE TEMPORARY VIEW `tx_metrics_rows` AS
SELECT * FROM (SELECT
  `event_time`,
  `fee` AS `fee`,
  `size` AS `size`
FROM `tx_metrics_events` WHERE `time` IS NOT NULL);
CREATE TABLE `tx_metrics` (
  `window_start` TIMESTAMP_LTZ(3),
  `window_end` TIMESTAMP_LTZ(3),
  `total_nb_trx_1min` BIGINT,
  `total_fee_1min` BIGINT,
  `avg_fee_1min` DOUBLE
) WITH (
  'connector' = 'kafka',
  'properties.bootstrap.servers' = 'broker:9092',
  'topic' = 'features',
  'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601'
);
INSERT INTO `tx_metrics`
SELECT
  window_start,
  window_end,
  COUNT(*),
  SUM(`fee`),
  CAST(SUM(`fee`) AS DOUBLE) / CAST(COUNT(`fee`) AS DOUBLE)
FROM TABLE(TUMBLE(TABLE `tx_metrics_rows`, DESCRIPTOR(`event_time`), INTERVAL '0 00:01:00.000' DAY(2) TO SECOND(3)))
GROUP BY window_start, window_end;
