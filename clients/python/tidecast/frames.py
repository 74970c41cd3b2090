"""From what the server answers to data frames with the right types."""

import io
import json
from typing import Any, Iterable, List, Sequence

import pandas as pd

try:
    import pyarrow as arrow
    import pyarrow.parquet as parquet
except ImportError:  # Then results come as JSON.
    arrow = parquet = None

# Some have milliseconds and some have not; before 2.0 pandas looked at each by itself anyway.
_ISO = {"format": "ISO8601"} if int(pd.__version__.split(".")[0]) >= 2 else {}
_TIMES = ("TIMESTAMP", "DATE")
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
             "UHUGEINT")
_NUMBERS = ("FLOAT", "DOUBLE", "DECIMAL")


def times(values: Iterable[Any]) -> pd.Series:
    """RFC 3339 text, or None, as datetime64[ns, UTC]; what 64 bits of nanoseconds cannot hold is NaT."""
    return _nanoseconds(pd.to_datetime(pd.Series(list(values), dtype="object"), utc=True, errors="coerce", **_ISO))


def _nanoseconds(series: pd.Series) -> pd.Series:
    try:
        return series.astype("datetime64[ns, UTC]")
    except pd.errors.OutOfBoundsDatetime:
        fits = (series >= pd.Timestamp.min.tz_localize("UTC")) & (series <= pd.Timestamp.max.tz_localize("UTC"))
        return series.where(fits).astype("datetime64[ns, UTC]")


def _column(values: List[Any], kind: str) -> pd.Series:
    base = kind.split("(")[0].split(" ")[0]
    if kind.endswith("]"):
        return pd.Series(values, dtype="object")
    if base.startswith(_TIMES):
        return times(values)
    if base in _INTEGERS:
        if any(isinstance(value, str) for value in values):  # Some are beyond 64 bits: the server writes text.
            return pd.Series([None if value is None else str(value) for value in values], dtype="object")
        return pd.Series(values, dtype="UInt64" if base == "UBIGINT" else "Int64")
    if base in _NUMBERS:
        return pd.Series(values, dtype="float64")
    if base == "BOOLEAN":
        return pd.Series(values, dtype="boolean")
    return pd.Series(values, dtype="object")


def from_rows(names: Sequence[str], kinds: Sequence[str], rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    """Rows of JSON values; `kinds` are DuckDB's names of the columns' types.  Equal names get numbers: a, a_1."""
    columns = {}
    for i, (name, kind) in enumerate(zip(names, kinds)):
        unique, n = name, 0
        while unique in columns:
            n += 1
            unique = f"{name}_{n}"
        columns[unique] = _column([row[i] for row in rows], kind)
    return pd.DataFrame(columns, index=pd.RangeIndex(len(rows)))


def from_ndjson(names: Sequence[str], kinds: Sequence[str], text: bytes) -> pd.DataFrame:
    """The same of one object a line."""
    return from_rows(names, kinds, [list(json.loads(line).values()) for line in text.splitlines()])


def from_parquet(data: bytes) -> pd.DataFrame:
    """A Parquet file with the same types as from_rows(); needs pyarrow."""
    table = parquet.read_table(io.BytesIO(data))
    nullable = {arrow.int8(): pd.Int64Dtype(), arrow.int16(): pd.Int64Dtype(), arrow.int32(): pd.Int64Dtype(),
                arrow.int64(): pd.Int64Dtype(), arrow.uint8(): pd.Int64Dtype(), arrow.uint16(): pd.Int64Dtype(),
                arrow.uint32(): pd.Int64Dtype(), arrow.uint64(): pd.UInt64Dtype(), arrow.bool_(): pd.BooleanDtype()}
    frame = table.to_pandas(types_mapper=nullable.get, ignore_metadata=True)
    for field in table.schema:
        if arrow.types.is_timestamp(field.type) or arrow.types.is_date(field.type):
            frame[field.name] = _nanoseconds(pd.to_datetime(frame[field.name], utc=True, errors="coerce"))
        elif arrow.types.is_float32(field.type) or arrow.types.is_decimal(field.type):
            frame[field.name] = frame[field.name].astype("float64")
        elif arrow.types.is_string(field.type) or arrow.types.is_large_string(field.type):
            texts = frame[field.name].astype("object")
            frame[field.name] = texts.where(texts.notna(), None)
    return frame
