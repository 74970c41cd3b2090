#!/usr/bin/env python3
"""The accuracy benchmark's sets as CSV files of `series,time,value`, one a set, and how each is judged.

    sets.py DATA OUT        DATA: the folder with series/ and events/; OUT gets SET.csv, and sets.json:
                            {"SET": {"freq", "horizon", "windows", "season"}}

A set ends with its last test window: `windows` non-overlapping windows of `horizon` steps at the end of every series
are forecast, and what lies before the first of them is what a model may be trained on.
"""
import collections, csv, datetime as dt, gzip, io, json, pathlib, subprocess, sys, tarfile

data, out = map(pathlib.Path, sys.argv[1:3])
out.mkdir(parents=True, exist_ok=True)
sets = {}


def write(name, series, freq, horizon, windows, season):
    """series: [(name, first time, step or None for business days, values)]"""
    with open(out / f"{name}.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["series", "time", "value"])
        for label, time, step, values in series:
            for value in values:
                rows.writerow([label, time.strftime("%Y-%m-%dT%H:%M:%SZ"), value])
                time += step or dt.timedelta(days=3 if time.weekday() == 4 else 1)
    sets[name] = dict(freq=freq, horizon=horizon, windows=windows, season=season)
    print(f"{name}: {len(series)} series, {sum(len(s[3]) for s in series)} values", file=sys.stderr)


def zstd_lines(path):
    return subprocess.run(["zstdcat", path], capture_output=True, check=True, text=True).stdout.splitlines()


def m4(name):
    with gzip.open(data / "series" / name, "rt") as lines:
        return {row[0]: [v for v in row[1:] if v not in ("", "NA")] for row in list(csv.reader(lines))[1:]}


HOUR, MINUTE = dt.timedelta(hours=1), dt.timedelta(minutes=1)

train, test = m4("m4_hourly_train.csv.gz"), m4("m4_hourly_test.csv.gz")
write("m4_hourly", [(k, dt.datetime(2000, 1, 1), HOUR, v + test[k]) for k, v in train.items()], "1h", 48, 1, 24)

with gzip.open(data / "series/exchange_rate.txt.gz", "rt") as lines:
    rows = [line.strip().split(",") for line in lines][: 6071 + 150]
write("exchange_rate", [(f"rate{i + 1}", dt.datetime(1990, 1, 1), None, [r[i] for r in rows]) for i in range(8)],
      "1B", 30, 5, 5)

series = []
for name in ("ETTh1", "ETTh2"):
    with gzip.open(data / f"series/{name}.csv.gz", "rt") as lines:
        head, *rows = csv.reader(lines)
    series += [(f"{name}.{c}", dt.datetime(2016, 7, 1), HOUR, [r[i] for r in rows]) for i, c in enumerate(head) if i]
write("ett_hourly", series, "1h", 24, 7, 24)

series = []
with tarfile.open(data / "series/nab_5min_real.tar.gz") as archive:
    for name in "AAPL AMZN CRM CVS FB GOOG IBM KO PFE UPS".split():
        file = io.TextIOWrapper(archive.extractfile(f"data/realTweets/Twitter_volume_{name}.csv"))
        rows = list(csv.DictReader(file))[:15831]
        first = dt.datetime.strptime(rows[0]["timestamp"], "%Y-%m-%d %H:%M:%S")
        first -= dt.timedelta(minutes=first.minute % 5, seconds=first.second)
        series.append((name, first, 5 * MINUTE, [r["value"] for r in rows]))
write("nab_tweets", series, "5min", 72, 20, 288)

# The first twelve events are misdated; the first minute is not whole.
minutes, edits, added = [], collections.Counter(), collections.Counter()
for line in zstd_lines(data / "events/wikipedia_edits_20150912.ndjson.zst")[12:]:
    event = json.loads(line)
    minute = event["time"][:16]
    edits[minute] += 1
    added[minute] += event["added"]
first, last = (dt.datetime.strptime(m, "%Y-%m-%dT%H:%M") for m in (min(edits), max(edits)))
minutes = [(first + MINUTE * i).strftime("%Y-%m-%dT%H:%M") for i in range(1, (last - first) // MINUTE + 1)]
length = 1044 + 11 * 30
for name, values in (("wikipedia_edits", edits), ("wikipedia_bytes", added)):
    write(name, [("all", first + MINUTE, MINUTE, [values[m] for m in minutes[:length]])], "1min", 30, 11, 60)

QUARTER = 15 * MINUTE
trips = collections.Counter()
for line in zstd_lines(data / "events/jersey_city_bike_trips_201806-201905.csv.zst")[1:]:
    time = dt.datetime.strptime(line.split(",")[0][:19], "%Y-%m-%d %H:%M:%S")
    trips[(time - dt.datetime(2018, 6, 1)) // QUARTER] += 1
write("jersey_trips", [("all", dt.datetime(2018, 6, 1), QUARTER, [trips[i] for i in range(365 * 96)])],
      "15min", 24, 56, 96)

(out / "sets.json").write_text(json.dumps(sets, indent=1) + "\n")
