"""What every process of the house loads when it starts."""

from __future__ import annotations

import subprocess
import sys

from tests.gateway.live import ROOT

HEAVY = ("anthropic", "openai", "sklearn", "onnxruntime", "tokenizers")


def test_a_process_starts_without_what_only_some_pages_and_steps_need():
    script = f"import sys, config.asgi; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
