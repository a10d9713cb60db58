"""How much provisioned concurrency each version of a function is to have. Pure.

An alias's provisioned concurrency follows its weights: each of the two versions gets its share of it, and when the alias is
pointed elsewhere it moves along. https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
"""

from lambdad.domain.arns import LATEST
from lambdad.domain.functions import Function


def split(function: Function, qualifier: str) -> dict[str, int]:
    """The configuration of one qualifier, by version. Empty where it leads to no published version."""
    config = function.provisioned.get(qualifier)
    if config is None:
        return {}
    alias = function.aliases.get(qualifier)
    if alias is None:
        shares = {qualifier: config.requested}
    else:
        shares, rest = {}, config.requested
        for version, weight in alias.weights.items():
            shares[version] = round(config.requested * weight)
            rest -= shares[version]
        shares[alias.version] = rest
    return {
        version: count for version, count in shares.items() if count > 0 and version != LATEST and version in function.versions
    }


def shares(function: Function) -> dict[str, int]:
    """All configurations of the function together, by version."""
    total: dict[str, int] = {}
    for qualifier in function.provisioned:
        for version, count in split(function, qualifier).items():
            total[version] = total.get(version, 0) + count
    return total
