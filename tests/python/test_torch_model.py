"""Plain PyTorch says of the kept models what Tidecast says (tests/parity/artefact_test.cc); needs torch and numpy."""

import datetime
import importlib.util
import json
import math
import unittest
from pathlib import Path

ARTEFACTS = Path(__file__).resolve().parents[1] / "parity/artefacts"


@unittest.skipUnless(importlib.util.find_spec("torch"), "torch is not installed")
class TorchModel(unittest.TestCase):
    def test_gives_tidecasts_log_likelihoods(self):
        import numpy

        from tidecast.torch_model import load

        files = sorted(ARTEFACTS.glob("*.safetensors"))
        self.assertTrue(files)
        for file in files:
            case = json.loads(file.with_suffix(".json").read_text())
            values = [math.nan if value is None else value for value in case["values"]]
            start = datetime.datetime.fromisoformat(case["start"].replace("Z", "+00:00"))
            model = load(file)
            self.assertEqual(len(model.members), len(case["losses"]))
            for number, (member, wanted) in enumerate(zip(model.members, case["losses"])):
                for split, loss in zip(case["splits"], wanted):
                    found = member.losses(values, start, split, case["categories"], dynamic=case["dynamic"])
                    with self.subTest(model=file.stem, member=number, split=split):
                        self.assertAlmostEqual(float(numpy.nanmean(found)), loss, delta=2e-4)


if __name__ == "__main__":
    unittest.main()
