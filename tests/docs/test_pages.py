"""Links and commands of README and documentation."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf
from support import compose, options

from common.cli.verbs import VERBS
from common.run.validate import check_read, check_settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs/pages").glob("*.md")), *sorted(ROOT.glob("common/*/README.md"))]
PAGES += [ROOT / "conf/README.md"]
GROUPS = ("model", "data", "experiment", "ablation", "protocol", "distortion", "quantiser", "trainer", "stage")
RUNS = ("run=", "weights=", "ablation=ofmc_gop")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")
CODE = re.compile(r"`((?:common|lic_image|lic_flow|lic_video|conf|tests|notebooks|tools|hydra_plugins)/[\w./]+)`")


def commands() -> list[str]:
    """Every `lic …` in a block of commands, lines that go on joined, without comments."""
    found = []
    for page in PAGES:
        for block in re.findall(r"^```\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
            joined = re.sub(r"\s*\\\n\s*", " ", block)
            found += [re.sub(r"\s+#.*", "", line) for line in joined.splitlines() if line.startswith("lic ")]
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [name for name in LINK.findall(text) if not (page.parent / name).exists()]
    assert not links, f"links that lead nowhere: {links}"
    files = [name for name in CODE.findall(text) if not (ROOT / name.rstrip(".")).exists()]
    assert [name for name in files if not re.search(r"NAME|mine|local/default", name)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_table_ends_with_an_empty_line(page: Path) -> None:
    """Otherwise Markdown takes what follows for another row."""
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [b for a, b in pairwise(lines) if a.startswith("|") and b and not b.startswith("|")] == []


def test_no_paragraph_or_table_stands_twice_on_a_page() -> None:
    for page in PAGES:
        blocks = [block.strip() for block in page.read_text(encoding="utf-8").split("\n\n")]
        twice = {block for block in blocks if len(block) > 100 and blocks.count(block) > 1}
        assert not twice, (page, twice)


def test_every_measure_is_on_the_page_of_measures() -> None:
    text = (ROOT / "docs/pages/evaluation.md").read_text(encoding="utf-8")
    assert [name for name in options("metric") if f"`{name}`" not in text] == []


def test_every_page_is_in_the_navigation() -> None:
    nav = yaml.safe_load((ROOT / "docs/mkdocs.yml").read_text())["nav"]
    assert sorted(nav) == sorted(page.name for page in (ROOT / "docs/pages").glob("*.md"))


@pytest.mark.parametrize("command", commands())
def test_a_command_composes(command: str) -> None:
    """Its verb is there, and what `lic train` and `lic eval` are told are choices and settings that there are."""
    verb, *words = [word for word in shlex.split(command)[1:] if word not in ("-m", "…", "|")]
    assert verb.startswith("-") or verb in VERBS
    if verb not in ("train", "eval") or "--config-dir" in command:
        return
    overrides = [first_of(word.replace("…", "x")) for word in words if "=" in word]
    for key, _, value in (each.partition("=") for each in overrides):
        if key in GROUPS and value not in ("x", "null"):
            assert value in options(key)
    own = [each for each in overrides if not each.startswith("hydra")]
    if own and not any(each.startswith(RUNS) for each in own):  # those need a run
        cfg = compose(*own, root=verb)
        check_settings(cfg)
        check_read(cfg, verb)
        if "…" not in command:
            job = OmegaConf.masked_copy(cfg, [key for key in cfg if key != "hydra"])
            assert not OmegaConf.missing_keys(job), f"{command} ends at once: it lacks a setting"


def first_of(override: str) -> str:
    """`lmbda=0.013,0.025` -> `lmbda=0.013`; a search's interval -> its lower end; `[a,b]` stays."""
    key, _, value = override.partition("=")
    if interval := re.search(r"(?:interval|choice)\(([^,]+),", value):
        return f"{key}={interval[1]}"
    return override if value.startswith("[") else f"{key}={value.partition(',')[0]}"
