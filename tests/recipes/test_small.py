"""Small recipes share one protocol; the page lists every departure from it."""

import re
from pathlib import Path

import pytest

from semivideo.recipes import RECIPES

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text()
SMALL = [name for name in RECIPES if name.startswith("small-")]
SHARED = ("data", "views", "networks", "engine", "evaluation")


def flat(mapping, prefix=""):
    found = {}
    for key, value in mapping.items():
        name = f"{prefix}{key}"
        found |= flat(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return found


def settings_of(name):
    return flat(RECIPES[name].settings().model_dump(mode="json"))


@pytest.mark.parametrize("name", SMALL)
def test_small_recipe__departs_only_where_the_page_says_so(name):
    own, common = settings_of(name), settings_of("small-fixmatch")
    rows = [line for line in PAGE.splitlines() if line.startswith("|") and f"`{name}`" in line]
    told = set(re.findall(r"`([a-z_]+\.[a-z_.]+)", " ".join(rows)))
    differing = {
        key
        for key in own.keys() | common.keys()
        if own.get(key) != common.get(key) and key.partition(".")[0] in SHARED
    }
    for key in differing:
        assert any(key == each or key.startswith(f"{each}.") for each in told), key
    for each in told & own.keys():
        if each.partition(".")[0] in SHARED:  # a method's own options depart from its paper
            assert own[each] != common.get(each), each
