#!/usr/bin/env python3
"""A forecaster of one's own, in Python's standard library alone: quantiles of the values seen at the same place of the season.

Tidecast runs it twice, by the contract of SageMaker's containers (docs/own-model.md):

    seasonal.py train    reads config and training data, writes the model's folder
    seasonal.py serve    answers GET /ping and POST /invocations
"""
import http.server
import json
import os
import sys
from pathlib import Path

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
MODEL = Path(os.environ.get("SM_MODEL_DIR", BASE / "model")) / "model.json"


def train():
    hyperparameters = json.loads((BASE / "input/config/hyperparameters.json").read_text())
    season = int(hyperparameters.get("season", "60"))
    if season < 1:
        raise ValueError(f"season: found {season}; allowed: 1 or more")
    lengths = []
    for file in sorted((BASE / "input/data/train").glob("*.json")):
        lengths += [len(json.loads(line)["target"]) for line in file.read_text().splitlines()]
    print(f"{len(lengths)} series of {sum(lengths)} values, season {season}")
    # The model is what was decided here: forecasts take the values from the history that they are asked with.
    MODEL.write_text(json.dumps({"season": season, "horizon": int(hyperparameters["prediction_length"]),
                                 "seasons": int(hyperparameters.get("seasons", "10"))}))


def at_level(sorted_values, level):
    """The quantile, straight lines between the values."""
    place = level * (len(sorted_values) - 1)
    below = int(place)
    above = min(below + 1, len(sorted_values) - 1)
    return sorted_values[below] + (place - below) * (sorted_values[above] - sorted_values[below])


def predict(model, instance, configuration):
    season, target = model["season"], instance["target"]
    seen = [value for value in target if isinstance(value, (int, float))]
    if not seen:
        raise ValueError("target: not one value")
    steps = []
    for step in range(model["horizon"]):
        # One season before this step, two before it, ...; of those behind the target's end the whole seasons count.
        first = len(target) - season + step % season
        places = range(first, max(-1, first - season * model["seasons"]), -season)
        steps.append(sorted(target[i] for i in places if i >= 0 and isinstance(target[i], (int, float))) or seen[-1:])
    prediction = {}
    types = configuration.get("output_types", ["mean", "quantiles"])
    if "mean" in types:
        prediction["mean"] = [sum(values) / len(values) for values in steps]
    if "quantiles" in types:
        prediction["quantiles"] = {level: [at_level(values, float(level)) for values in steps]
                                   for level in configuration.get("quantiles", ["0.1", "0.5", "0.9"])}
    return prediction


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    model = None

    def answer(self, status, body):
        body = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(200 if self.path == "/ping" else 404, "")

    def do_POST(self):
        request = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            request = json.loads(request)
            configuration = request.get("configuration", {})
            self.answer(200, json.dumps({"predictions": [predict(self.model, instance, configuration)
                                                         for instance in request["instances"]]}))
        except (ValueError, KeyError) as error:
            self.answer(400, json.dumps({"error": str(error)}))

    def log_message(self, *_):
        pass


def serve():
    Handler.model = json.loads(MODEL.read_text())
    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    if sys.argv[-1] == "serve":
        serve()
    else:
        try:
            train()
        except Exception as error:
            (BASE / "output/failure").write_text(str(error))
            raise
