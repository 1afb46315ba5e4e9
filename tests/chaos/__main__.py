"""`make chaos`: plays the faults one after the other and prints a line for each. Status 1 if something was lost, doubled or overspent, if
clients were told what they should not have been, or if Tollgate did not recover.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

from simulator.client import SimulatorClient
from tests.chaos.town import GATEWAYS, Town, running


def main() -> None:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("faults", nargs="*", help="names of faults (default: all)")
    parser.add_argument("--list", action="store_true", help="list the faults and end")
    parser.add_argument("--keep", type=Path, help="a folder to copy the logs to at the end")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _stop)  # as by Ctrl-C: what was started is stopped
    with tempfile.TemporaryDirectory(prefix="tollgate-chaos-") as name:
        folder = Path(name)
        _prepare_django(folder)
        from tests.chaos.faults import FAULTS

        known = {fault.name: fault for fault in FAULTS}
        if options.list:
            print("\n".join(f"{fault.name:22}{fault.says}" for fault in FAULTS))
            return
        if unknown := [name for name in options.faults if name not in known]:
            parser.error(f"no such fault: {', '.join(unknown)}; --list shows them")
        with running(folder) as town:
            try:
                is_good = _play(town, options.faults or list(known))
            finally:
                if options.keep:
                    _keep(town, options.keep)
    sys.exit(0 if is_good else 1)


def _play(town: Town, names: list[str]) -> bool:
    """Whether all went well."""
    from tests.chaos import cast, course, table
    from tests.chaos.faults import FAULTS

    began = time.monotonic()
    cast.make_models(town.simulator_url)
    simulator = SimulatorClient(town.simulator_url)
    results = []
    is_good = True
    print(
        f"Python {platform.python_version()}, {GATEWAYS} gateway processes, {os.cpu_count()} cores\n\n{table.HEAD}",
        flush=True,
    )
    for fault in FAULTS:
        if fault.name not in names:
            continue
        if why := fault.missing():
            print(f"{fault.name:22}skipped: {why}", flush=True)
            continue
        result = course.play(town, simulator, fault)
        results.append(result)
        is_good &= result.is_good
        print(table.line(result), *table.complaints(result), sep="\n    ", flush=True)
    for result in results:
        if not course.look_again(town, result):
            is_good = False
            print(f"{result.fault.name}, looked at again at the end:", *table.complaints(result), sep="\n    ")
    print(f"{table.LEGEND}\n\n{time.monotonic() - began:.0f} s, {'all is well' if is_good else 'NOT ALL IS WELL'}")
    return is_good


def _keep(town: Town, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for log in town.layout.log_folder.iterdir():
        shutil.copy2(log, folder / log.name)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _prepare_django(folder: Path) -> None:
    """This process reads the books as Tollgate does. Settings come from the environment, so before anything imports them."""
    layout = Town.layout_in(folder)
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": layout.database_url,
        "REDIS_URL": layout.redis_url,
        "TOLLGATE_VAR": str(layout.root),
    }
    import django

    django.setup()


if __name__ == "__main__":
    main()
