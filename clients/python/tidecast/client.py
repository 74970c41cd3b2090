"""The client: one method for everything that a running Tidecast can be asked over HTTP (docs/api.md)."""

import datetime
import getpass
import json
import urllib.error
import urllib.parse
import urllib.request
import warnings
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple, Union

import pandas as pd

from . import frames
from .errors import BadRequest, TruncatedWarning, Unavailable, error_of

Time = Union[str, datetime.datetime, pd.Timestamp]


def _rfc3339(time: Optional[Time]) -> Optional[str]:
    """Text for the server; what has no zone is UTC."""
    if time is None:
        return None
    stamp = pd.Timestamp(time)
    stamp = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
    return stamp.strftime("%Y-%m-%dT%H:%M:%S.") + f"{stamp.microsecond // 1000:03d}Z"


def _quoted(text: Any) -> str:
    return urllib.parse.quote(str(text), safe="")


class Client:
    """A running Tidecast.

    url: as the server prints it.  timeout: seconds for a whole answer.  actor: who decides, for the record; this user
    by default.  Every call may raise a TidecastError.  Times are datetime64[ns, UTC] in frames; as arguments they are
    text ("2026-05-06T12:00Z"), datetime or Timestamp, UTC where they have no zone.
    """

    def __init__(self, url: str = "http://127.0.0.1:8080", timeout: float = 120.0, actor: Optional[str] = None):
        self.url = url.rstrip("/")
        self.timeout = timeout
        self.actor = actor or f"python:{_user()}"
        # The server is on this machine: never by way of a proxy.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def __repr__(self) -> str:
        return f"tidecast.Client({self.url!r})"

    # ---- data ---------------------------------------------------------------------------------------------------

    def features(self, group: Optional[str] = None, start: Optional[Time] = None, end: Optional[Time] = None,
                 key: Optional[str] = None, as_of: Optional[Time] = None, history: bool = False) -> pd.DataFrame:
        """Rows of a feature group (the first by default) whose windows end in [start, end), oldest first.

        key: one series of a group with keys.  as_of: only what was known then.  history: every revision and tombstone
        instead of what counts of each window.  At most 100,000 rows; sql() gives more.
        """
        return self._features(group, {"from": _rfc3339(start), "until": _rfc3339(end), "last": 0, "key": key,
                                      "as_of": _rfc3339(as_of), "revisions": "all" if history else None})

    def latest(self, group: Optional[str] = None, keys: Optional[Sequence[str]] = None) -> pd.DataFrame:
        """The newest row of a group, or of each of the series `keys`, in their order; those without a row are left out."""
        parts = [self._features(group, {"last": 1, "key": key}) for key in ([None] if keys is None else keys)]
        return pd.concat(parts, ignore_index=True) if parts else self._features(group, {"last": 1}).iloc[:0]

    def sql(self, text: str) -> pd.DataFrame:
        """The rows of one SELECT in DuckDB's dialect (docs/sql.md), up to a million; warns if there are more."""
        body = {"statement": text}
        if frames.parquet is not None:
            try:
                data, headers = self._call("POST", "/api/v1/sql", {"format": "parquet"}, body)
                return _whole(frames.from_parquet(data), headers)
            except BadRequest as error:
                if not str(error).startswith("as Parquet"):  # EXPLAIN and the like are no tables.
                    raise
        answer = self._json("POST", "/api/v1/sql", {"format": "rows"}, body)
        names = [column["name"] for column in answer["columns"]]
        kinds = [column["type"] for column in answer["columns"]]
        if not answer["truncated"]:
            return frames.from_rows(names, kinds, answer["rows"])
        data, headers = self._call("POST", "/api/v1/sql", {"format": "ndjson"}, body)
        return _whole(frames.from_ndjson(names, kinds, data), headers)

    def sql_file(self, text: str, format: str) -> bytes:
        """The same as the bytes of a file: csv, json, ndjson or parquet."""
        data, headers = self._call("POST", "/api/v1/sql", {"format": format}, {"statement": text})
        return _whole(data, headers)

    def push(self, source: str, records: Union[pd.DataFrame, Iterable[Dict[str, Any]]]) -> Dict[str, Any]:
        """Hands records (dicts, or a frame's rows) to a source that takes them; says what became of them.

        They are committed when this returns.  Unavailable with retry_after: the server has enough to do; nothing of
        these records was taken.
        """
        if isinstance(records, pd.DataFrame):
            lines = [line for line in (records.to_json(orient="records", lines=True, date_format="iso") or "")
                     .splitlines() if line]
        else:
            lines = [json.dumps(record) for record in records]
        data, _ = self._send("POST", f"/sources/{_quoted(source)}/events", {}, ("\n".join(lines) + "\n").encode(),
                             "application/x-ndjson")
        return _object(data)

    # ---- forecasts ----------------------------------------------------------------------------------------------

    def forecast(self, series: Optional[str] = None, as_of: Optional[Time] = None,
                 quantiles: Optional[Sequence[float]] = None) -> pd.DataFrame:
        """The production model's forecast: time (of the step's start), mean, and a column a quantile ("q0.5").

        series: "group.column", the definition's target by default.  frame.attrs has series, origin, model_version.
        """
        levels = ",".join(repr(float(level)) for level in quantiles) if quantiles is not None else None
        answer = self._json("GET", "/api/v1/forecast", {"series": series, "as_of": _rfc3339(as_of),
                                                        "quantiles": levels})
        frame = pd.DataFrame(answer["steps"])
        frame["time"] = frames.times(frame["time"])
        for name in frame.columns[1:]:
            frame[name] = frame[name].astype("float64")
        frame.attrs = {name: answer[name] for name in ("series", "origin", "model_version")}
        return frame

    def invoke(self, endpoint: str, request: Optional[Dict[str, Any]] = None, **members: Any) -> Dict[str, Any]:
        """Asks a stage's endpoint ("staging", "production"), in either form of docs/endpoint.md.

            client.invoke("production", series="tx_metrics.avg_fee_1min", quantiles=[0.5])
            client.invoke("staging", {"instances": [{"start": "2026-05-06 12:00:00", "target": [4.1, 5.0]}]})
        """
        body = {**(request or {}), **members}
        return self._json("POST", f"/endpoints/{_quoted(endpoint)}/invocations", {}, body)

    # ---- the loop -----------------------------------------------------------------------------------------------

    def status(self) -> Dict[str, Any]:
        """How everything stands; ["answer"]["sentence"] says it in one."""
        return self._json("GET", "/api/v1/status")

    def timeline(self, last: int = 20, before: Optional[int] = None) -> pd.DataFrame:
        """What happened, newest first; at most 256 items, of those with a number below `before`."""
        answer = self._json("GET", "/api/v1/timeline", {"last": last, "before": before})
        return _listed(answer["items"], ["number", "at", "kind", "subject", "text"], at=("at",), whole=("number",))

    def runs(self) -> pd.DataFrame:
        """All training runs; run() has one in full."""
        return _listed(self._json("GET", "/api/v1/runs")["runs"],
                       ["id", "why", "outcome", "reason", "started_at", "data_from", "data_until", "observations",
                        "loss", "threshold", "model_version", "seconds"],
                       at=("started_at", "data_from", "data_until"), whole=("id", "observations", "model_version"),
                       numbers=("loss", "threshold", "seconds"))

    def run(self, id: int) -> Dict[str, Any]:
        """One training run with its parameters, metrics and hashes."""
        return self._json("GET", f"/api/v1/runs/{_quoted(id)}")

    def train(self, why: str = "") -> Dict[str, Any]:
        """Starts a training run, which goes on by itself; run() tells how it ends."""
        return self._json("POST", "/api/v1/runs", {}, {"why": why, "actor": self.actor})

    def models(self) -> pd.DataFrame:
        """All model versions and where they stand; model() has one in full."""
        return _listed(self._json("GET", "/api/v1/models")["models"],
                       ["version", "run", "created_at", "approval", "stages", "loss", "data_end", "artefact_hash"],
                       at=("created_at", "data_end"), whole=("version",), numbers=("loss",))

    def model(self, version: int) -> Dict[str, Any]:
        """One model version with its metrics."""
        return self._json("GET", f"/api/v1/models/{_quoted(version)}")

    def approve(self, version: int, stage: str = "staging", why: str = "") -> Dict[str, Any]:
        """Approves a version and deploys it to a stage, "staging" or "production"."""
        return self._decide(version, "approve", {"stage": stage, "why": why})

    def reject(self, version: int, why: str) -> Dict[str, Any]:
        """Rejects a version."""
        return self._decide(version, "reject", {"why": why})

    def deploy(self, version: int, stage: str, why: str = "") -> Dict[str, Any]:
        """Deploys an approved version, an earlier one for a rollback."""
        return self._decide(version, "deploy", {"stage": stage, "why": why})

    # ---- HTTP ---------------------------------------------------------------------------------------------------

    def _decide(self, version: int, what: str, body: Dict[str, Any]) -> Dict[str, Any]:
        return self._json("POST", f"/api/v1/models/{_quoted(version)}/{what}", {}, {**body, "actor": self.actor})

    def _features(self, group: Optional[str], query: Dict[str, Any]) -> pd.DataFrame:
        answer = self._json("GET", "/api/v1/features" + (f"/{_quoted(group)}" if group else ""), query)
        rows: List[Dict[str, Any]] = answer["rows"]
        kinds = {column["name"]: column["type"] for column in answer["columns"]}
        names = ["window_start", "window_end", "write_time"]
        others = [name for name in (rows[0] if rows else {}) if name not in kinds and name not in names]
        sql = {"integer": "BIGINT", "number": "DOUBLE", "boolean": "BOOLEAN"}
        return frames.from_rows(names + others + list(kinds),
                                ["TIMESTAMP"] * 3 + [_kind_of(row.get(name) for row in rows) for name in others] +
                                [sql.get(kind, "VARCHAR") for kind in kinds.values()],
                                [[row.get(name) for name in names + others + list(kinds)] for row in rows])

    def _json(self, method: str, path: str, query: Optional[Dict[str, Any]] = None,
              body: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        return _object(self._call(method, path, query or {}, body)[0])

    def _call(self, method: str, path: str, query: Dict[str, Any],
              body: Optional[Dict[str, Any]] = None) -> Tuple[bytes, Any]:
        data = json.dumps(body).encode() if body is not None else None
        return self._send(method, path, query, data, "application/json")

    def _send(self, method: str, path: str, query: Dict[str, Any], data: Optional[bytes],
              content_type: str) -> Tuple[bytes, Any]:
        given = {name: value for name, value in query.items() if value is not None}
        address = self.url + path + ("?" + urllib.parse.urlencode(given) if given else "")
        headers = {"Content-Type": content_type} if data is not None else {}
        request = urllib.request.Request(address, data=data, method=method, headers=headers)
        try:
            with self._opener.open(request, timeout=self.timeout) as answer:
                return answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            raise _problem(error) from None
        except (OSError, urllib.error.URLError) as error:  # URLError, timeouts, a connection that breaks off.
            raise Unavailable(f"{self.url} does not answer: {getattr(error, 'reason', error)}") from None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # A container's user may have no name.
        return "unknown"


def _problem(error: urllib.error.HTTPError) -> Exception:
    """The exception for an answer that is none of success."""
    try:
        problem = json.loads(error.read())
        detail = problem["detail"]
    except (ValueError, KeyError, TypeError, OSError):
        problem, detail = None, f"HTTP {error.code} and no problem's text; is it a Tidecast?"
    result = error_of(error.code, detail, problem)
    after = error.headers.get("Retry-After", "")
    result.retry_after = float(after) if after.isdigit() else None
    return result


def _object(data: bytes) -> Dict[str, Any]:
    try:
        answer = json.loads(data)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise error_of(200, "the answer is no JSON object; is it a Tidecast?")
    return answer


def _whole(result: Any, headers: Any) -> Any:
    if headers.get("Tidecast-Truncated"):
        warnings.warn("the result has more rows than the server gives; add a LIMIT or an aggregate", TruncatedWarning,
                      stacklevel=3)
    return result


def _kind_of(values: Iterable[Any]) -> str:
    found = [value for value in values if value is not None]
    if found and all(isinstance(value, bool) for value in found):
        return "BOOLEAN"
    return "BIGINT" if found and all(isinstance(value, int) for value in found) else "VARCHAR"


def _listed(items: List[Dict[str, Any]], names: List[str], at: Sequence[str] = (), whole: Sequence[str] = (),
            numbers: Sequence[str] = ()) -> pd.DataFrame:
    """Objects as a frame of these of their members."""
    kinds = ["TIMESTAMP" if n in at else "BIGINT" if n in whole else "DOUBLE" if n in numbers else "VARCHAR"
             for n in names]
    return frames.from_rows(names, kinds, [[item.get(name) for name in names] for item in items])
