"""A cold start with numpy and pandas in two layers beside `python3 -c 'import numpy, pandas'`; fetches both with pip.

python bench/imports.py       the first cold start, then five of other functions with the same layers
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.run import CLEAN, interpreter_start, milliseconds
from tests.acceptance.functions import ROLE, zipped
from tests.acceptance.server import Server

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
CODE = "import numpy, pandas\n\n\ndef handler(event, context):\n    return numpy.__version__ + pandas.__version__\n"
LAYERS = {"numpy": ("numpy", "numpy.libs"), "pandas": ("pandas", "dateutil", "tzdata", "pytz")}
"""The zip of each stays below Lambda's 50 MB."""


def packed(site: Path, name: str, folder: Path) -> bytes:
    tree = folder / name
    for top in LAYERS[name]:
        if (site / top).is_dir():
            shutil.copytree(site / top, tree / "python" / top, ignore=shutil.ignore_patterns("__pycache__"))
    return Path(shutil.make_archive(str(tree), "zip", tree)).read_bytes()


def cold_start(client: Any, name: str, layers: list[str]) -> float:
    client.create_function(
        FunctionName=name,
        Runtime=RUNTIME,
        Role=ROLE,
        Handler="app.handler",
        Code={"ZipFile": zipped({"app.py": CODE})},
        MemorySize=1769,
        Timeout=30,
        Layers=layers,
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    time.sleep(0.3)

    def invoke() -> None:
        assert "FunctionError" not in client.invoke(FunctionName=name)

    return milliseconds(invoke)


def main() -> None:
    os.environ.pop("NODE_EXTRA_CA_CERTS", None)
    with tempfile.TemporaryDirectory() as given:
        folder = Path(given)
        site = folder / "site"
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--target", site, "numpy", "pandas"], check=True)
        server = Server(folder / "data", []).start()
        try:
            client = server.client("lambda")
            layers = [
                client.publish_layer_version(LayerName=name, Content={"ZipFile": packed(site, name, folder)})["LayerVersionArn"]
                for name in LAYERS
            ]
            times = [cold_start(client, f"imports-{number}", layers) for number in range(6)]
        finally:
            server.stop()
        interpreter = str(Path(sys._base_executable).resolve())  # type: ignore[attr-defined]
        CLEAN["PYTHONPATH"] = str(site)
        bare = statistics.median(interpreter_start([interpreter, "-c", "import numpy, pandas"], 7)[1:])
    print("cold starts, ms:", *(f"{each:.0f}" for each in times))
    print(f"bare {bare:.0f} ms: the first {times[0] / bare:.2f}x, the others {statistics.median(times[1:]) / bare:.2f}x")


if __name__ == "__main__":
    main()
