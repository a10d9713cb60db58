"""The runtime's modules are programs of their own: found by path, not as part of the package."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3] / "src" / "lambdad" / "runtimes" / "python"))
