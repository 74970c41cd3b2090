-- rides: tumbling windows of 7d; lateness 90s.
-- The source has the records that tidecast stored or found late, each once and in their order: what is refused,
-- double or of another event is left out before.
SET 'table.local-time-zone' = 'UTC';
SET 'pipeline.auto-watermark-interval' = '0 ms';
CREATE TABLE `rides_events` (
  `bike` BIGINT,
  `member` BOOLEAN,
  `stations` ARRAY<ROW<`id` STRING>>,
  `trip` ROW<`ended_at` BIGINT, `seconds` DOUBLE>,
  `event_time` AS COALESCE(TO_TIMESTAMP_LTZ(`trip`.`ended_at` / 1000000 - CASE WHEN MOD(`trip`.`ended_at`, 1000000) < 0 THEN 1 ELSE 0 END, 3), TO_TIMESTAMP_LTZ(0, 3)),
  WATERMARK FOR `event_time` AS `event_time` - INTERVAL '0 00:01:30.000' DAY(2) TO SECOND(3)
) WITH (
  'connector' = 'kafka',
  'properties.bootstrap.servers' = 'broker:9092',
  'topic' = 'events',
  'format' = 'json',
  'scan.startup.mode' = 'earliest-offset',
  'scan.watermark.emit.strategy' = 'on-event'
);
CREATE TEMPORARY VIEW `rides_rows` AS
SELECT * FROM (SELECT
  `event_time`,
  `stations`[2].`id` AS `station`,
  `member` AS `member`,
  `trip`.`seconds` AS `seconds`,
  `bike` AS `bike`
FROM `rides_events` WHERE `trip`.`ended_at` IS NOT NULL);
CREATE TABLE `rides` (
  `window_start` TIMESTAMP_LTZ(3),
  `window_end` TIMESTAMP_LTZ(3),
  `station` STRING,
  `rides` BIGINT,
  `bikes` BIGINT,
  `seconds` DOUBLE
) WITH (
  'connector' = 'kafka',
  'properties.bootstrap.servers' = 'broker:9092',
  'topic' = 'features',
  'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601'
);
INSERT INTO `rides`
SELECT
  window_start,
  window_end,
  `station`,
  COUNT(*),
  COUNT(DISTINCT `bike`),
  SUM(`seconds`)
FROM TABLE(TUMBLE(TABLE `rides_rows`, DESCRIPTOR(`event_time`), INTERVAL '7 00:00:00.000' DAY(2) TO SECOND(3)))
GROUP BY window_start, window_end, `station`;
