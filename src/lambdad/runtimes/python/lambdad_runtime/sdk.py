"""AWS's SDK for Python, imported once in the zygote, for the functions that import it.

The modules are kept aside, not in `sys.modules`: a function that never says `import boto3` does not have it loaded, as on AWS,
and one that brings its own version, wherever on its import path, gets that. Only if every package of the SDK would be found
where the zygote found it does an import take what is kept. Pages that nobody writes stay shared with the zygote.
"""

from __future__ import annotations

import importlib
import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import cache_from_source, find_spec

PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
_MODULES = (
    "boto3", "boto3.dynamodb.transform", "boto3.ec2.createtags", "boto3.ec2.deletetags", "boto3.resources.factory",
    "boto3.s3.inject", "boto3.session", "botocore.args", "botocore.auth", "botocore.client", "botocore.config",
    "botocore.configprovider", "botocore.credentials", "botocore.discovery", "botocore.docs.docstring", "botocore.endpoint",
    "botocore.endpoint_provider", "botocore.handlers", "botocore.hooks", "botocore.httpsession", "botocore.loaders",
    "botocore.paginate", "botocore.parsers", "botocore.regions", "botocore.retries.adaptive", "botocore.retries.standard",
    "botocore.retryhandler", "botocore.serialize", "botocore.session", "botocore.signers", "botocore.tokens",
    "botocore.translate", "botocore.useragent", "botocore.utils", "botocore.validate", "botocore.waiter",
)  # fmt: skip
"""What making a client and a first call import."""


class Kept:
    """On `sys.meta_path`, before the finder of files: finds the packages of the SDK among what the zygote has imported."""

    def __init__(self, modules: dict) -> None:
        self._modules = modules
        self._origins = {name: module.__file__ for name, module in modules.items() if "." not in name}

    def find_spec(self, name: str, path=None, target=None) -> ModuleSpec | None:
        if name not in self._origins:
            return None
        origins, modules = self._origins, self._modules
        self._origins, self._modules = {}, {}  # it is decided now, once
        for package, origin in origins.items():
            spec = PathFinder.find_spec(package)
            if spec is None or spec.origin != origin:
                return None
        sys.modules.update(modules)
        own = modules[name].__spec__
        spec = ModuleSpec(name, self, origin=own.origin, is_package=own.submodule_search_locations is not None)
        spec.loader_state = (modules[name], own)
        return spec

    def create_module(self, spec: ModuleSpec):
        return spec.loader_state[0]

    def exec_module(self, module) -> None:
        module.__spec__ = module.__spec__.loader_state[1]  # has run already


def keep() -> Kept | None:
    """Import the SDK and put it aside. None where it is not there, or not compiled for this interpreter: that would take
    seconds."""
    found = find_spec("botocore")
    if found is None or found.origin is None or not os.path.exists(cache_from_source(found.origin)):
        return None
    for name in _MODULES:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            continue  # another version of the SDK may lack it
    modules = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in PACKAGES}
    for name in modules:
        del sys.modules[name]
    kept = Kept(modules)
    sys.meta_path.insert(next(at for at, finder in enumerate(sys.meta_path) if finder is PathFinder), kept)
    return kept
