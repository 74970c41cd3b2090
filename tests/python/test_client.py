"""The client alone: what it sends, on a server that notes it down, and what it makes of odd answers."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import unittest
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pandas as pd

import tidecast
from tidecast import frames

ROOT = Path(__file__).resolve().parents[2]


class Noting(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.seen.append((self.path, self.headers["Content-Type"],
                                 self.rfile.read(int(self.headers["Content-Length"]))))
        self._answer()

    def do_GET(self):
        self.server.seen.append((self.path, None, b""))
        self._answer()

    def _answer(self):
        status, headers, body = self.server.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class WhatIsSent(unittest.TestCase):
    def setUp(self):
        self.server = HTTPServer(("127.0.0.1", 0), Noting)
        self.server.seen, self.server.answer = [], (200, {}, b'{"stored":2}')
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.client = tidecast.Client(f"http://127.0.0.1:{self.server.server_port}/", actor="python:anna")

    def test_pushed_records_are_lines_of_json(self):
        records = [{"id": 1, "fee": 5}, {"id": 2, "text": "ä\n"}]
        self.assertEqual(self.client.push("poll/a", records), {"stored": 2})
        path, kind, body = self.server.seen[0]
        self.assertEqual((path, kind), ("/sources/poll%2Fa/events", "application/x-ndjson"))
        self.assertEqual([json.loads(line) for line in body.splitlines()], records)

    def test_a_pushed_frame_is_its_rows(self):
        self.client.push("poll", pd.DataFrame({"id": [1, 2], "fee": [5, 6]}))
        self.assertEqual(self.server.seen[0][2], b'{"id":1,"fee":5}\n{"id":2,"fee":6}\n')

    def test_a_server_with_enough_to_do_says_when(self):
        self.server.answer = 429, {"Retry-After": "3"}, b'{"detail":"too many at once"}'
        with self.assertRaisesRegex(tidecast.Unavailable, "too many at once") as caught:
            self.client.push("poll", [{}])
        self.assertEqual((caught.exception.status, caught.exception.retry_after), (429, 3.0))

    def test_times_are_sent_in_utc(self):
        self.server.answer = 200, {}, b'{"group":"g","columns":[],"rows":[]}'
        berlin = timezone(timedelta(hours=2))
        self.client.features("g", start=datetime(2026, 5, 6, 2, tzinfo=berlin), end=datetime(2026, 5, 6, 3),
                             key="JC014", as_of="2026-05-07", history=True)
        self.assertEqual(self.server.seen[0][0],
                         "/api/v1/features/g?from=2026-05-06T00%3A00%3A00.000Z&until=2026-05-06T03%3A00%3A00.000Z"
                         "&last=0&key=JC014&as_of=2026-05-07T00%3A00%3A00.000Z&revisions=all")

    def test_decisions_name_who_decides(self):
        self.client.approve(3, stage="production", why="good")
        self.client.reject(3, "no")
        self.client.train("to see")
        self.assertEqual([(path, json.loads(body)) for path, _, body in self.server.seen],
                         [("/api/v1/models/3/approve", {"stage": "production", "why": "good", "actor": "python:anna"}),
                          ("/api/v1/models/3/reject", {"why": "no", "actor": "python:anna"}),
                          ("/api/v1/runs", {"why": "to see", "actor": "python:anna"})])

    def test_somebody_else_who_answers_is_told_apart(self):
        for answer in (200, {}, b"hello"), (200, {}, b"[1]"), (500, {}, b"<html>"):
            self.server.answer = answer
            with self.assertRaisesRegex(tidecast.ServerError, "is it a Tidecast"):
                self.client.status()

    def test_nobody_who_answers_is_unavailable(self):
        with self.assertRaisesRegex(tidecast.Unavailable, "does not answer"):
            tidecast.Client("http://127.0.0.1:1").status()


class Frames(unittest.TestCase):
    def test_types_follow_the_columns(self):
        frame = frames.from_rows(["a", "a", "b", "c", "d", "e"],
                                 ["BIGINT", "HUGEINT", "DECIMAL(18,3)", "BOOLEAN", "TIMESTAMP WITH TIME ZONE", "INTEGER[]"],
                                 [[1, "170141183460469231731687303715884105727", 0.5, True, "2026-05-06T00:00:00Z", [1]],
                                  [None, 7, None, None, "2026-05-06T00:00:00.250Z", None]])
        self.assertEqual(list(frame.columns), ["a", "a_1", "b", "c", "d", "e"])
        self.assertEqual([str(kind) for kind in frame.dtypes],
                         ["Int64", "object", "float64", "boolean", "datetime64[ns, UTC]", "object"])
        self.assertEqual(frame["a_1"][1], "7")
        self.assertEqual(frame["d"][1].microsecond, 250000)

    def test_no_rows_have_types_too(self):
        frame = frames.from_rows(["n", "t"], ["UBIGINT", "DATE"], [])
        self.assertEqual([str(kind) for kind in frame.dtypes], ["UInt64", "datetime64[ns, UTC]"])

    def test_integers_keep_all_their_digits(self):
        frame = frames.from_rows(["n"], ["BIGINT"], [[2**63 - 1], [None], [-2**63]])
        self.assertEqual(list(frame["n"].dropna()), [2**63 - 1, -2**63])

    def test_times_that_nanoseconds_cannot_hold_are_none(self):
        self.assertTrue(pd.isna(frames.times(["0001-01-01T00:00:00Z"])[0]))


class Installing(unittest.TestCase):
    def test_pip_installs_it_without_a_network(self):
        with tempfile.TemporaryDirectory() as folder:
            try:
                subprocess.run([sys.executable, "-c", "import setuptools, wheel, pip"], check=True, capture_output=True)
            except subprocess.CalledProcessError:
                self.skipTest("this Python has no pip, setuptools and wheel")
            # A copy: pip builds inside the folder.
            subprocess.run(["cp", "-r", str(ROOT / "clients/python"), folder + "/source"], check=True)
            done = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-build-isolation",
                                   "--no-deps", "--disable-pip-version-check", "--target", folder + "/site",
                                   folder + "/source"], capture_output=True, text=True,
                                  env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"})
            self.assertEqual(done.returncode, 0, done.stderr)
            found = subprocess.run([sys.executable, "-c", "import tidecast; print(tidecast.__file__)"], text=True,
                                   capture_output=True, env={**os.environ, "PYTHONPATH": folder + "/site"}, cwd=folder)
            self.assertTrue(found.stdout.startswith(folder), found.stdout + found.stderr)


if __name__ == "__main__":
    unittest.main()
