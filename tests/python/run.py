"""Runs the Python client's tests and prints how many ran and how many failed; what failed goes to standard error."""

import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE.parents[1] / "clients/python"), str(HERE)]

result = unittest.TextTestRunner(stream=sys.stderr, verbosity=0).run(unittest.defaultTestLoader.discover(str(HERE)))
failed = len(result.failures) + len(result.errors)
print(max(result.testsRun - len(result.skipped), failed, 1), failed or (result.testsRun == 0) * 1)
