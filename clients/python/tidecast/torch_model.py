"""A Tidecast DeepAR model in plain PyTorch, for whoever wants to look inside or go on with it.

    model = load("model.safetensors")               # `tidecast models export 3 --out model.safetensors`
    nll = model.members[0].losses(values, start, split)

`values` is the series (numpy, NaN where missing), `start` the datetime of its first step, `split` the index of the first
value to forecast.  What comes out is what Tidecast trains on, step by step over the horizon: the negative log likelihood
(deterministic-L1: the absolute error) with the true values fed in, in the head's own unit.  Nothing here samples; the
format is docs/formats/model.md, the mathematics docs/deepar.md.  Steps of weeks and longer, and zoneout, are not here.
"""

import datetime
import json
import math
import struct

import numpy as np
import torch
from torch import nn
from torch.nn.functional import softplus

_LIMIT = 1e6  # Of scaled values.
_EPS = 2.0**-23
_RECENT = 7


def read_safetensors(path):
    """Metadata and tensors (float32) of a safetensors file."""
    with open(path, "rb") as file:
        content = file.read()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] != "F32":
            raise ValueError(f"{path}: tensor {name} is {entry['dtype']}; allowed: F32")
        begin, end = entry["data_offsets"]
        numbers = np.frombuffer(content[8 + length + begin : 8 + length + end], dtype="<f4")
        tensors[name] = torch.from_numpy(numbers.copy()).reshape(entry["shape"])
    return metadata, tensors


class Network(nn.Module):
    """One network of a model: `spec` is its description, the weights are torch's own modules."""

    def __init__(self, spec, tensors):
        super().__init__()
        if spec.get("zoneout", 0) > 0:
            raise NotImplementedError("a model trained with zoneout")
        if "step_ms" not in spec or spec["step_ms"] >= 7 * 86_400_000:
            raise NotImplementedError("steps of weeks and longer")
        self.spec = spec
        self.lstm = nn.LSTM(tensors["lstm.weight_ih_l0"].shape[1], spec["cells"], spec["layers"], batch_first=True)
        self.lstm.load_state_dict({k[len("lstm.") :]: v for k, v in tensors.items() if k.startswith("lstm.")})
        outputs, cells = tensors["head.weight"].shape
        self.head = nn.Linear(cells, outputs)
        self.head.load_state_dict({"weight": tensors["head.weight"], "bias": tensors["head.bias"]})
        self.embeddings = nn.ModuleList(
            nn.Embedding.from_pretrained(tensors[f"embedding.{i}.weight"])
            for i in range(len(spec.get("cardinality", [])))
        )

    def losses(self, values, start, split, categories=(), static_reals=(), dynamic=()):
        """[horizon]: NaN where the truth is missing."""
        window = Window(self.spec, np.asarray(values, float), split)
        inputs = torch.from_numpy(window.inputs(start, static_reals, dynamic))
        codes = list(categories) or [0] * len(self.embeddings)
        for embedding, code in zip(self.embeddings, codes):
            inputs = torch.cat([inputs, embedding.weight[code].expand(len(inputs), -1)], dim=1)
        with torch.no_grad():
            raw = self.head(self.lstm(inputs[None])[0])[0]
            losses = self._loss(raw, window)
        losses[torch.isnan(window.target)] = math.nan
        return losses[self.spec["context"] - 1 :].numpy()

    def _loss(self, raw, window):
        head = self.spec.get("likelihood", "student-T")
        own = {"student-T": 3, "poisson": 1, "deterministic-L1": 1}.get(head, 2)
        parameters, gate = list(raw[:, :own].unbind(1)), None
        if raw.shape[1] > own:
            weights = torch.softmax(raw[:, own:], dim=1)
            gate = (weights[:, :4] * window.candidates).sum(dim=1)
        scale, y = window.scale, torch.nan_to_num(window.target, nan=0.5 if head in ("beta", "gamma") else 0.0)
        a, b = parameters[0], parameters[-1] if own == 2 else parameters[own // 2]
        shift = 0 if gate is None else gate
        if head == "student-T":
            df, sigma = 2 + softplus(a), softplus(parameters[2]).clamp(min=1e-7)
            return -torch.distributions.StudentT(df, b + shift, sigma).log_prob(y)
        if head == "gaussian":
            return -torch.distributions.Normal(a + shift, softplus(b).clamp(min=1e-7)).log_prob(y)
        if head == "laplace":
            return -torch.distributions.Laplace(a + shift, softplus(b).clamp(min=1e-7)).log_prob(y)
        if head == "deterministic-L1":
            return (y - (a + shift)).abs()
        if head == "negative-binomial":
            r = softplus(a).clamp(min=_EPS) if gate is None else 1 / (softplus(a) + 1e-4)
            mean = scale * r * b.exp() if gate is None else self._count_mean(b + gate, scale)
            return -torch.distributions.NegativeBinomial(r, logits=(mean / r).log()).log_prob(y)
        if head == "poisson":
            mean = scale * softplus(a).clamp(min=_EPS) if gate is None else self._count_mean(a + gate, scale)
            return -torch.distributions.Poisson(mean).log_prob(y)
        if head == "beta":
            return -torch.distributions.Beta(softplus(a) + _EPS, softplus(b) + _EPS).log_prob(y.clamp(1e-6, 1 - 1e-6))
        if head == "gamma":
            return -torch.distributions.Gamma(softplus(a) + _EPS, softplus(b) + _EPS).log_prob(y.clamp(min=1e-10))
        raise ValueError(f"likelihood {head} is not known")

    @staticmethod
    def _count_mean(location, scale):
        return scale * softplus(5 * location) / 5 + 1e-6


class Model:
    """`members` are its networks, whose paths Tidecast pools; `about` is what the file says of the whole."""

    def __init__(self, about, members):
        self.about, self.members = about, members


def load(path):
    metadata, tensors = read_safetensors(path)
    if metadata.get("format") != "tidecast.deepar":
        raise ValueError(f"{path}: not a DeepAR model of Tidecast")
    about = json.loads(metadata["tidecast"])
    if "members" not in about:
        return Model(about, [Network(about, tensors)])
    members = []
    for i, spec in enumerate(about["members"]):
        own = {k[len(f"{i}.") :]: v for k, v in tensors.items() if k.startswith(f"{i}.")}
        members.append(Network(spec, own))
    return Model(about, members)


class Window:
    """A cut of a series in units of its own location and scale, as src/deepar/window.h has it."""

    def __init__(self, spec, values, split):
        self.spec, self.values, self.split = spec, values, split
        self.context, self.horizon = spec["context"], spec["horizon"]
        self.past = self.context - 1 + spec["lags"][-1]
        scaling, head = spec.get("scaling", "location"), spec.get("likelihood", "student-T")
        newest = next((t for t in range(-1, -self.past - 1, -1) if not math.isnan(self._value(t))), None)
        self.location, scale, self.magnitude = 0.0, spec.get("default_scale", 1.0), 0.0
        if newest is not None:
            length, floor = spec["scale_length"], spec.get("scale_floor", 1e-10)
            last = -1 if newest >= -length else newest
            seen = np.array([self._value(t) for t in range(max(last - length + 1, -self.past), last + 1)])
            seen = seen[~np.isnan(seen)]
            self.magnitude = float(np.abs(seen).mean())
            if scaling == "location":
                self.location = float(seen.mean())
                scale = max(float(np.abs(seen - self.location).mean()) + 1e-3 * self.magnitude, floor)
            elif scaling == "magnitude":
                scale = max(self.magnitude, floor)
        self.scale = 1.0 if scaling == "none" else scale
        self._filler = 0.0 if scaling == "location" else spec.get("filler", 0.0) / self.scale
        steps = range(1 - self.context, self.horizon)
        original = head in ("negative-binomial", "poisson", "beta")
        truth = np.array([self._value(t) for t in steps])
        scaled = np.clip((truth - self.location) / self.scale, -_LIMIT, _LIMIT)
        self.target = torch.tensor(truth if original else scaled, dtype=torch.float32)
        recent = spec["lags"][:_RECENT]
        looks = [spec["lags"][0], spec["season"], spec["week_lag"]] if recent else []
        self.candidates = torch.tensor(
            [[self._x(t - lag) for lag in looks] + [sum(self._x(t - lag) for lag in recent) / len(recent)] for t in steps],
            dtype=torch.float32,
        )

    def _value(self, t):
        at = self.split + t
        return float(self.values[at]) if 0 <= at < len(self.values) else math.nan

    def _observed(self, t):
        return not math.isnan(self._value(t))

    def _x(self, t):
        value = self._value(t)
        if t < -self.past or math.isnan(value):
            return self._filler
        return min(max((value - self.location) / self.scale, -_LIMIT), _LIMIT)

    def _constants(self):
        context = [t for t in range(1 - self.context, 0) if self._observed(t)]

        def change(lag):
            pairs = [abs(self._x(t) - self._x(t - lag)) for t in context if self._observed(t - lag)]
            return sum(pairs) / len(pairs) if pairs else 0.0

        size = sum(abs(self._x(t)) for t in context) / len(context) if context else 0.0
        return [
            math.log(self.scale / max(self.magnitude, 1e-9) + 1e-4),
            math.log(change(1) + 1e-3),
            math.log(change(self.spec["season"]) + 1e-3),
            math.log(size + 1e-3),
        ]

    def inputs(self, start, static_reals, dynamic):
        spec, limit = self.spec, self.spec.get("lag_limit", 30.0)
        statics = (list(static_reals) + [0.0] * spec.get("static_reals", 0))[: spec.get("static_reals", 0)]
        if spec.get("log_scale", False):
            statics.append(math.log(self.scale))
        if spec.get("window_constants", True):
            statics += self._constants()
        rows = []
        for t in range(1 - self.context, self.horizon):
            at = self.split + t
            row = [min(max(self._x(t - lag), -limit), limit) for lag in spec["lags"]]
            filler, time = spec.get("filler", 0.0), start + datetime.timedelta(milliseconds=spec["step_ms"] * at)
            row += [calendar_value(field, time) if at >= 0 else filler for field in spec["calendar"]]
            if spec.get("age", False):
                row.append(math.log10(2 + at) if at >= 0 else filler)
            row += [feature[at] if at >= 0 else filler for feature in dynamic]
            rows.append(row + statics)
        return np.array(rows, dtype=np.float32)


def calendar_value(field, time):
    """A place in a cycle, -0.5 to 0.5; `time` in UTC."""
    place, last = {
        "second_of_minute": (time.second, 59),
        "minute_of_hour": (time.minute, 59),
        "hour_of_day": (time.hour, 23),
        "day_of_week": (time.weekday(), 6),
        "day_of_month": (time.day - 1, 30),
        "day_of_year": (time.timetuple().tm_yday - 1, 365),
        "week_of_year": (time.isocalendar()[1] - 1, 52),
        "month_of_year": (time.month - 1, 11),
    }[field]
    return place / last - 0.5
