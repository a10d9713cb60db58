"""What provisioned concurrency means for each version."""

from lambdad.domain.functions import Alias, Function, ProvisionedConcurrency
from lambdad.records.provisioned import shares, split
from lambdad.testing.snapshots import make_function, make_version


def function(aliases: dict[str, Alias], **provisioned: int) -> Function:
    return make_function(
        versions={number: make_version(version=number, build=f"build-{number}") for number in ("1", "2")},
        aliases=aliases,
        provisioned={key.lstrip("v"): ProvisionedConcurrency(count, 0) for key, count in provisioned.items()},
    )


def alias(version: str, name: str = "live", **weights: float) -> dict[str, Alias]:
    return {name: Alias(name=name, version=version, revision_id="r", weights={k.lstrip("v"): w for k, w in weights.items()})}


def test_a_version_has_what_it_was_given() -> None:
    assert shares(function({}, v1=3)) == {"1": 3}
    assert shares(function({})) == {}


def test_an_alias_gives_it_to_the_version_it_points_to() -> None:
    assert split(function(alias("2"), live=4), "live") == {"2": 4}


def test_an_alias_with_weights_splits_it() -> None:
    assert split(function(alias("1", v2=0.25), live=8), "live") == {"1": 6, "2": 2}
    assert split(function(alias("1", v2=0.1), live=1), "live") == {"1": 1}
    assert split(function(alias("1", v2=1.0), live=2), "live") == {"2": 2}


def test_several_configurations_of_one_version_add_up() -> None:
    assert shares(function(alias("2") | alias("2", "beta"), live=4, beta=1, v1=2)) == {"1": 2, "2": 5}


def test_what_leads_to_no_published_version_gives_nothing() -> None:
    assert shares(function(alias("$LATEST"), live=4)) == {}
    assert shares(function({}, v9=4)) == {}
