"""Which version serves an invoke: pure, and on the path of every invoke."""

from lambdad.domain.arns import LATEST, FunctionName
from lambdad.domain.errors import ResourceNotFound
from lambdad.domain.functions import Alias, Function, Version


def resolve(function: Function | None, name: FunctionName, draw: float) -> Version:
    """The version of `function` that `name` means now; `draw` in [0, 1) decides between an alias's two versions.

    While `$LATEST` is being updated its version is the code and configuration from before. The weight of an alias is the
    share of its *other* version
    (https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html).
    Raises ResourceNotFound: `Function not found: arn` or `Cannot find alias arn: arn`.
    """
    if function is None:
        raise ResourceNotFound(f"Function not found: {name.arn}")
    qualifier = name.qualifier
    if qualifier is None or qualifier == LATEST:
        return function.serving or function.latest
    version = function.versions.get(qualifier)
    if version is not None:
        return version
    alias = function.aliases.get(qualifier)
    if alias is not None:
        return _behind(function, alias, name, draw)
    if qualifier.isdecimal():
        raise ResourceNotFound(f"Function not found: {name.arn}")
    raise ResourceNotFound(f"Cannot find alias arn: {name.arn}")


def _behind(function: Function, alias: Alias, name: FunctionName, draw: float) -> Version:
    number = alias.version
    for other, share in alias.weights.items():
        if draw < share:
            number = other
            break
        draw -= share
    if number == LATEST:
        return function.serving or function.latest
    version = function.versions.get(number)
    if version is None:
        raise ResourceNotFound(f"Function not found: {name.unqualified_arn}:{number}")
    return version
