"""Cold starts of functions with large packages, beside the same imports in a bare interpreter.

*numpy and pandas* are inside the function's zip, without their tests and without byte code, as one would upload them; the bare
interpreter imports them from a folder where they are compiled. A round makes a function of new content, which lambdad unpacks
and compiles while it is created; *first* is that function's first environment, *second* is one more after its configuration
has changed. *boto3* is the host's; the function makes a client when it is imported, and should cost what making the client
costs where the import is done already. Bare and ours take turns.

pip installs numpy and pandas once, into bench/.cache.
"""

import shutil
import statistics
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import boto3
from tests.acceptance.functions import zipped_folder
from tests.acceptance.server import Server

from bench import interpreters
from bench.client import Connection
from bench.context import Context
from bench.functions import COUNT, PYTHON, create
from bench.rows import Beside, Row, ratio_at_most

CACHE = Path(__file__).parent / ".cache" / PYTHON
PACKAGES = ("numpy", "pandas")
WITH_PACKAGES = "import numpy, pandas\n"
CLIENT = "boto3.client('s3', region_name='us-east-1')"
WITH_CLIENT = f"import boto3\n\nclient = {CLIENT}\n"
BARE_CLIENT = f"import boto3, time; begun = time.perf_counter(); {CLIENT}; print((time.perf_counter() - begun) * 1000)"
NO_SLOWER = ratio_at_most(1.05)
"""Two medians of the same thing differ by as much."""
SDK = {"PYTHONPATH": str(Path(boto3.__file__).parents[1])}


def measure(context: Context) -> list[Row]:
    rounds = context.choose(10, 2)
    with context.lambdad() as server:
        return [*numpy_and_pandas(context, server, rounds), *first_client(server, context.choose(20, 5))]


def numpy_and_pandas(context: Context, server: Server, rounds: int) -> list[Row]:
    files = {"app.py": WITH_PACKAGES + COUNT["app.py"]} | installed(context)
    bare, first, second = [], [], []
    command = (interpreters.PYTHON, "-c", WITH_PACKAGES)
    interpreters.run(command, {"PYTHONPATH": str(CACHE)})  # reads them from the disk, once
    for number in range(rounds):
        bare.append(interpreters.milliseconds(command, {"PYTHONPATH": str(CACHE)}))
        name = f"packages-{number}"
        create(server, [name], files | {"round.txt": name})
        first.append(cold(server, name))
        client = server.client("lambda")
        client.update_function_configuration(FunctionName=name, Environment={"Variables": {"ENVIRONMENT": "second"}})
        client.get_waiter("function_updated_v2").wait(FunctionName=name)
        second.append(cold(server, name))
        client.delete_function(FunctionName=name)
    versions = ", ".join(
        f"{found.name} {found.version}" for found in metadata.distributions(path=[str(CACHE)]) if found.name in PACKAGES
    )
    what = f"cold start, {versions} in the zip"
    beside = Beside("`python3 -c 'import numpy, pandas'`", statistics.median(bare), bare)
    once = statistics.median(first)
    return [
        Row(f"{what}, first environment", once, "ms", beside, (ratio_at_most(1.3),), first),
        Row(f"{what}, second environment", statistics.median(second), "ms", Beside("the first", once), (NO_SLOWER,), second),
    ]


def first_client(server: Server, rounds: int) -> list[Row]:
    names = [f"client-{number}" for number in range(rounds)]
    create(server, names, {"app.py": WITH_CLIENT + COUNT["app.py"]})
    bare, ours = [], []
    for name in names:
        bare.append(float(interpreters.run((interpreters.PYTHON, "-c", BARE_CLIENT), SDK)))
        ours.append(cold(server, name))
    beside = Beside("the client alone, bare", statistics.median(bare), bare)
    what = "cold start, `import boto3` and a client of S3 at the top"
    return [Row(what, statistics.median(ours), "ms", beside, (ratio_at_most(1.3),), ours)]


def cold(server: Server, name: str) -> float:
    with Connection(server.port) as connection:
        return connection.cold_start(name, rest=0.5)


def installed(context: Context) -> dict[str, bytes]:
    """The packages' files, by their path in the zip."""
    if not CACHE.is_dir():
        context.say(f"  installs {' and '.join(PACKAGES)} into {CACHE}")
        partly = CACHE.with_suffix(".partly")
        shutil.rmtree(partly, ignore_errors=True)
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-warn-conflicts", "--only-binary", ":all:")
        subprocess.run([*pip, "--target", str(partly), *PACKAGES], check=True)
        partly.rename(CACHE)
    files = zipped_folder(CACHE)
    return {name: content for name, content in files.items() if not {"tests", "__pycache__"} & set(Path(name).parts)}
