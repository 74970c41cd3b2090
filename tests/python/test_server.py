"""The client on the real program: what a person does in a notebook after a replay that waits for approval."""

import unittest
import warnings
from datetime import datetime
from unittest import mock

import pandas as pd

import tidecast
from server import Server
from tidecast import frames

UTC_NS = "datetime64[ns, UTC]"


class OnTheProgram(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.close)
        cls.client = tidecast.Client(cls.server.url)
        cls.client.approve(1, why="looks good")
        cls.client.approve(1, stage="production")

    def test_features_are_typed_and_cut_by_time(self):
        rows = self.client.features("edits", start="2015-09-12T10:00Z", end=datetime(2015, 9, 12, 11))
        self.assertEqual([str(kind) for kind in rows.dtypes], [UTC_NS] * 3 + ["Int64"] * 2)
        self.assertEqual(list(rows.columns), ["window_start", "window_end", "write_time", "edits", "bytes"])
        self.assertEqual(len(rows), 60)
        self.assertEqual(rows["window_end"].min(), pd.Timestamp("2015-09-12T10:00Z"))
        self.assertTrue(rows["window_end"].is_monotonic_increasing)
        self.assertEqual(len(self.client.features(end=pd.Timestamp("2015-09-12T01:00", tz="Europe/Berlin"))), 0)

    def test_features_as_of_a_moment_are_those_known_then(self):
        then = self.client.features("edits", as_of="2015-09-12T10:00Z")
        self.assertLess(then["write_time"].max(), pd.Timestamp("2015-09-12T10:00:01Z"))
        self.assertLess(len(then), len(self.client.features("edits")))

    def test_the_newest_row_is_the_last_of_all(self):
        rows, newest = self.client.features("edits"), self.client.latest("edits")
        pd.testing.assert_frame_equal(rows.tail(1).reset_index(drop=True), newest)

    def test_sql_gives_the_same_frame_by_parquet_and_by_json(self):
        text = ("SELECT window_start, edits, bytes, edits / 2 AS half, edits > 5 AS busy, sum(edits) OVER () AS total, "
                "window_start::DATE AS day, CASE WHEN edits > 30 THEN 'many' END AS word FROM edits "
                "ORDER BY window_start")
        by_parquet = self.client.sql(text)
        with mock.patch.object(frames, "parquet", None):
            by_json = self.client.sql(text)
        pd.testing.assert_frame_equal(by_json, by_parquet)
        self.assertEqual([str(kind) for kind in by_json.dtypes],
                         [UTC_NS, "Int64", "Int64", "float64", "boolean", "Int64", UTC_NS, "object"])
        self.assertEqual(len(by_json), self.client.sql("SELECT count(*) AS n FROM edits")["n"][0])

    def test_sql_beyond_ten_thousand_rows_is_whole_either_way(self):
        text = "SELECT range AS n, range::VARCHAR AS t FROM range(25000)"
        for module in (frames.parquet, None):
            with mock.patch.object(frames, "parquet", module), warnings.catch_warnings():
                warnings.simplefilter("error")
                self.assertEqual(self.client.sql(text)["n"].sum(), 25000 * 24999 // 2)

    def test_sql_beyond_the_limit_warns(self):
        for module in {frames.parquet, None}:
            with mock.patch.object(frames, "parquet", module), self.assertWarns(tidecast.TruncatedWarning):
                self.assertEqual(len(self.client.sql("SELECT 1 AS n FROM range(1000001)")), 1_000_000)

    def test_sql_explains_and_describes(self):
        self.assertIn("explain_value", self.client.sql("EXPLAIN SELECT * FROM edits").columns)
        self.assertIn("column_name", self.client.sql("-- what is it\nDESCRIBE edits").columns)

    def test_sql_that_is_wrong_says_what_and_where(self):
        with self.assertRaisesRegex(tidecast.BadRequest, "nothing") as caught:
            self.client.sql("SELECT nothing FROM edits")
        self.assertEqual(caught.exception.status, 400)
        with self.assertRaisesRegex(tidecast.BadRequest, "found 'COPY'"):
            self.client.sql("COPY edits TO '/tmp/never.csv'")
        with self.assertRaisesRegex(tidecast.BadRequest, "allowed") as caught:
            self.client.sql_file("SELECT 1", "arrow")
        self.assertEqual(caught.exception.where, "?format")

    def test_sql_files_are_bytes(self):
        self.assertEqual(self.client.sql_file("SELECT 1 AS a", "csv"), b"a\n1\n")
        self.assertEqual(self.client.sql_file("SELECT 1 AS a", "ndjson"), b'{"a":1}\n')
        self.assertEqual(self.client.sql_file("SELECT 1 AS a", "parquet")[:4], b"PAR1")

    def test_the_stream_itself_is_there(self):
        self.assertEqual(self.client.sql("SELECT count(*) AS n FROM dead_letters")["n"][0], 12)
        raw = self.client.sql("SELECT verdict, (record->>'added')::BIGINT AS added FROM raw LIMIT 5")
        self.assertEqual([str(kind) for kind in raw.dtypes], ["object", "Int64"])
        self.assertEqual(set(raw["verdict"]), {"stored"})

    def test_a_forecast_is_a_fan_over_time(self):
        fan = self.client.forecast(quantiles=[0.1, 0.5, 0.9])
        self.assertEqual(list(fan.columns), ["time", "mean", "q0.1", "q0.5", "q0.9"])
        self.assertEqual(len(fan), 30)
        self.assertEqual(str(fan["time"].dtype), UTC_NS)
        self.assertTrue((fan["q0.1"] < fan["q0.9"]).all())
        self.assertEqual(fan.attrs["series"], "edits.edits")
        with self.assertRaises(tidecast.BadRequest):
            self.client.forecast(quantiles=[1.5])

    def test_an_endpoint_answers_in_both_forms(self):
        short = self.client.invoke("production", series="edits.edits", quantiles=[0.5])
        self.assertEqual(len(short["mean"]), 30)
        long = self.client.invoke("staging", {"instances": [{"start": "2015-09-12 12:00:00", "target": [5.0] * 100}]})
        self.assertEqual(len(long["predictions"]), 1)
        with self.assertRaises(tidecast.NotFound):
            self.client.invoke("nowhere", series="edits.edits")

    def test_runs_models_and_the_timeline_are_frames(self):
        runs = self.client.runs()
        self.assertEqual(list(runs["outcome"]), ["succeeded"])
        self.assertEqual(str(runs["started_at"].dtype), UTC_NS)
        self.assertIn("learning_rate", self.client.run(int(runs["id"][0]))["parameters"])
        models = self.client.models()
        self.assertEqual(list(models["approval"]), ["Approved"])
        self.assertIn("production", models["stages"][0])
        self.assertEqual(self.client.model(1)["version"], 1)
        timeline = self.client.timeline(last=5)
        self.assertEqual(len(timeline), 5)
        self.assertTrue(timeline["number"].is_monotonic_decreasing)
        with self.assertRaisesRegex(tidecast.NotFound, "7"):
            self.client.run(7)

    def test_decisions_are_recorded_with_who_made_them(self):
        with self.assertRaises(tidecast.Refused):
            self.client.reject(1, why="too late")
        self.assertEqual(self.client.deploy(1, "staging", why="again")["version"], 1)
        said = self.client.sql("SELECT text FROM timeline WHERE text LIKE '%python:%'")
        self.assertGreater(len(said), 0)

    def test_the_status_is_a_sentence(self):
        self.assertIn("model 1", self.client.status()["answer"]["sentence"])


if __name__ == "__main__":
    unittest.main()
