#!/usr/bin/env python3
"""GluonTS's torch DeepAR on a CSV of `series,time,value`, judged as `tidecast backtest` judges ours: one JSON line a seed.

    backtest.py --file F.csv --freq 1h --horizon 24 --windows 7 --season 24 --seeds 1,2,3 [--steps 5000]

Needs `pip install 'gluonts[torch]==0.17.0' lightning pandas orjson` (about 3.5 GB).  GluonTS's defaults: 50 batches of 32
windows an epoch, context = horizon, transforms cached.  Trained once, on what lies before the first window.
"""
import argparse, csv, json, logging, os, resource, tempfile, time, warnings

warnings.filterwarnings("ignore")
for name in ("lightning", "lightning.pytorch"):
    logging.getLogger(name).setLevel(logging.ERROR)
import lightning.pytorch as pl
import numpy as np
import pandas as pd
import torch
from gluonts.dataset.common import ListDataset
from gluonts.torch import DeepAREstimator

args = argparse.ArgumentParser()
for name, kind in (("file", str), ("freq", str), ("horizon", int), ("windows", int), ("season", int)):
    args.add_argument(f"--{name}", type=kind, required=True)
args.add_argument("--seeds", default="1")
args.add_argument("--steps", type=int, default=5000)
args.add_argument("--threads", type=int, default=2)
args = args.parse_args()
torch.set_num_threads(args.threads)
QUANTILES = [q / 10 for q in range(1, 10)]

series = {}
with open(args.file, newline="") as file:
    for row in csv.DictReader(file):
        series.setdefault(row["series"], (row["time"], []))[1].append(float(row["value"] or "nan"))
held = args.horizon * args.windows
entry = lambda time, values: {"start": pd.Period(time.rstrip("Z"), args.freq), "target": np.array(values, dtype=np.float32)}
train = ListDataset([entry(t, v[:-held]) for t, v in series.values()], freq=args.freq)
cuts = [(t, v, len(v) - held + args.horizon * w) for w in range(args.windows) for t, v in series.values()]
histories = ListDataset([entry(t, v[:cut]) for t, v, cut in cuts], freq=args.freq)
truth = np.array([v[cut : cut + args.horizon] for _, v, cut in cuts])


def seasonal_error(values):
    values = np.array(values)
    lag = args.season if len(values) > args.season else 1
    return np.nanmean(np.abs(values[lag:] - values[:-lag]))


errors = np.array([seasonal_error(v[:cut]) for _, v, cut in cuts])
for seed in map(int, args.seeds.split(",")):
    pl.seed_everything(seed)
    with tempfile.TemporaryDirectory() as folder:
        estimator = DeepAREstimator(
            freq=args.freq, prediction_length=args.horizon, batch_size=32, num_batches_per_epoch=50,
            trainer_kwargs=dict(max_epochs=args.steps // 50, accelerator="cpu", enable_progress_bar=False, logger=False,
                                enable_model_summary=False, default_root_dir=folder))
        begun = time.time()
        predictor = estimator.train(train, cache_data=True)
        train_s = time.time() - begun
    begun = time.time()
    forecasts = list(predictor.predict(histories, num_samples=100))
    forecast_s = time.time() - begun
    q = np.array([[f.quantile(p) for p in QUANTILES] for f in forecasts])  # [window][quantile][step]
    seen = ~np.isnan(truth)
    loss = [2 * np.nansum(np.abs((q[:, i] - truth) * ((truth <= q[:, i]) - p))) for i, p in enumerate(QUANTILES)]
    below = lambda i: float(np.mean((truth <= q[:, i])[seen]))
    print(json.dumps(dict(
        method="gluonts", set=os.path.basename(args.file)[:-4], seed=seed, steps=args.steps,
        mean_wql=float(np.mean(loss) / np.nansum(np.abs(truth))),
        mase=float(np.mean(np.nanmean(np.abs(truth - q[:, 4]), 1) / errors)),
        coverage={"0.1": below(0), "0.5": below(4), "0.9": below(8)}, train_s=round(train_s, 2),
        forecast_s=round(forecast_s, 2), ms_per_step=round(train_s / args.steps * 1e3, 3),
        forecasts=len(forecasts), rss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)), flush=True)
