"""Runs a command and prints, as JSON on the last line, its wall-clock and processor seconds, children included, and its exit code."""

import json
import resource
import subprocess
import sys
import time

began = time.monotonic()
code = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL).returncode
wall = time.monotonic() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print("\n" + json.dumps({"wall": wall, "cpu": used.ru_utime + used.ru_stime, "code": code}))
