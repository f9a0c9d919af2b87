"""What is published: the contents of every wheel and source distribution, and who publishes it."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from email.message import Message

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PACKAGES = {
    "tap-recurly": ("tap-recurly-v3", "tap_recurly"),
    "transform": ("recurly-to-klaviyo", "recurly_to_klaviyo"),
    "target-klaviyo": ("target-klaviyo", "target_klaviyo"),
}
"""By folder: the name of the distribution, and of the package in it."""

ADDRESSES = {"Repository", "Documentation", "Changelog", "Issues"}
PYTHONS = {f"Programming Language :: Python :: 3.{minor}" for minor in range(10, 15)}


@pytest.fixture(scope="module", params=PACKAGES)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder named after the package's, with its wheel and its source distribution."""
    folder = tmp_path_factory.mktemp("built") / str(request.param)
    done = subprocess.run(
        [BIN / "uv", "build", "--quiet", "--out-dir", folder, ROOT / str(request.param)],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=200,
    )
    if "hatchling" in done.stderr and done.returncode:
        pytest.skip(f"hatchling, which builds packages, cannot be had here: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr
    return folder


def _wheel(built: Path) -> zipfile.ZipFile:
    (wheel,) = built.glob("*.whl")
    return zipfile.ZipFile(wheel)


def _described(wheel: zipfile.ZipFile) -> Message:
    (name,) = (each for each in wheel.namelist() if each.endswith(".dist-info/METADATA"))
    return HeaderParser().parsestr(wheel.read(name).decode())


@pytest.mark.slow
def test_a_wheel_holds_the_package_its_types_and_its_licence_and_nothing_else(built: Path) -> None:
    """No tests, no stray files; every file that Python or a reader of the licence needs."""
    distribution, package = PACKAGES[built.name]
    with _wheel(built) as wheel:
        names = set(wheel.namelist())
        described = _described(wheel)
    source = ROOT / built.name / package
    files = {
        path for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }
    expected = {str(path.relative_to(source.parent)) for path in files}
    assert {name for name in names if ".dist-info/" not in name} == expected
    assert f"{package}/py.typed" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert described["Name"] == distribution
    assert described["License-Expression"] == "MIT"
    assert {each.split(",")[0] for each in described.get_all("Project-URL", [])} >= ADDRESSES
    assert {*described.get_all("Classifier", [])} >= {*PYTHONS, "Typing :: Typed"}


@pytest.mark.slow
def test_a_source_distribution_holds_what_a_wheel_is_built_from(built: Path) -> None:
    """The package, its licence and README; no tests, environments or runs."""
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as source:
        names = {name.partition("/")[2] for name in source.getnames()}
    _, package = PACKAGES[built.name]
    assert {"LICENSE", "README.md", "pyproject.toml", f"{package}/__init__.py"} <= names
    tops = {name.partition("/")[0] for name in names} - {""}
    assert tops <= {
        package,
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "meltano.yml",
        "PKG-INFO",
        ".gitignore",
    }


def test_all_members_bear_the_same_version() -> None:
    """The three packages are released together."""
    assert len({metadata.version(distribution) for distribution, _ in PACKAGES.values()}) == 1


def test_every_package_carries_the_repositorys_licence() -> None:
    """A package's licence is the repository's, word for word."""
    for folder in PACKAGES:
        assert (ROOT / folder / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_every_action_is_pinned_to_a_commit() -> None:
    """No workflow runs what somebody else can change; the version stands beside the commit."""
    for workflow in (ROOT / ".github/workflows").glob("*.yml"):
        for used in re.findall(r"uses: (.*)", workflow.read_text()):
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", used), (
                f"{workflow.name}: {used}"
            )
