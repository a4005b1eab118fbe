"""Imports run one way along the road of the data, and what needs no torch never loads it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from discs import write_discs
from handful.cli import main

SOURCE = Path(__file__).parents[1] / "src" / "handful"

# Each may import from itself and from those before it, never from those behind it.
ROAD = (
    "errors",
    "names",
    "files",
    "data",
    "synth",
    "normalise",
    "scale",
    "machine",
    "measure",  # before training, which scores itself as it goes
    "augment",
    "models",
    "losses",
    "settings",
    "limits",
    "interior",
    "start",
    "plan",
    "training",
    "modelfile",
    "prediction",
    "outputs",
    "report",
    "experiments",  # files, grids and verdicts; what trains them are the verbs
    "verbs",
    "cli",
    "__main__",
)
# These judge and show masks that came from anywhere: arrays and pictures are all they need.
WITHOUT_TORCH = ("errors", "names", "files", "data", "normalise", "scale", "measure", "outputs", "report", "cli")
QUICK = {"torch", "numpy", "scipy", "skimage", "PIL", "tifffile", "jinja2"}


def imports_of(file: Path) -> set[str]:
    """The dotted names that a file imports anywhere, functions included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: imports are written whole, without dots"
            assert node.module is not None
            names = {f"handful.{alias.name}" for alias in node.names} if node.module == "handful" else set()
            found |= {node.module} | names
    return found


def at_import(file: Path) -> set[str]:
    """The first words of what a file imports when it is itself imported."""
    nodes = [node for node in ast.parse(file.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in names}


def place_of(file: Path) -> str:
    return file.relative_to(SOURCE).parts[0].removesuffix(".py")


FILES = sorted(file for file in SOURCE.rglob("*.py") if file != SOURCE / "__init__.py")


def test_every_part_has_its_place_on_the_road() -> None:
    assert {place_of(file) for file in FILES} <= set(ROAD)


@pytest.mark.parametrize("place", ROAD)
def test_imports_run_one_way(place: str) -> None:
    allowed = set(ROAD[: ROAD.index(place) + 1])
    for file in FILES:
        if place_of(file) != place:
            continue
        parts = {name.split(".")[1] for name in imports_of(file) if name.startswith("handful.")}
        backwards = parts & set(ROAD) - allowed
        # What is only named for the type checker is no step back; it is never run.
        assert backwards <= named_for_types(file), f"{file.relative_to(SOURCE)} imports {sorted(backwards)}"


def named_for_types(file: Path) -> set[str]:
    """Parts of handful that a file imports under `if TYPE_CHECKING:` and nowhere else."""
    tree = ast.parse(file.read_text())
    blocks = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    inside = {id(child) for block in blocks for child in ast.walk(block)}

    def parts(wanted: bool) -> set[str]:
        modules = (
            node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and (id(node) in inside) == wanted
        )
        return {node.module.split(".")[1] for node in modules if node.module and node.module.startswith("handful.")}

    return parts(True) - parts(False)


@pytest.mark.parametrize("place", WITHOUT_TORCH)
def test_no_torch_where_arrays_are_enough(place: str) -> None:
    for file in FILES:
        if place_of(file) == place:
            loaded = {name.partition(".")[0] for name in imports_of(file)}
            assert "torch" not in loaded, file


def loaded_by(code: str) -> set[str]:
    """Top-level modules in sys.modules after running code in a fresh Python."""
    ending = "\nimport sys\nprint('LOADED', *{name.partition('.')[0] for name in sys.modules})"
    run = subprocess.run([sys.executable, "-c", code + ending], capture_output=True, text=True, check=True)
    return set(run.stdout.splitlines()[-1].split()[1:])


def test_importing_handful_loads_nothing_heavy() -> None:
    assert not loaded_by("import handful") & (QUICK | {"typer"})


def test_help_loads_nothing_heavy() -> None:
    assert not loaded_by("from handful.cli import main; assert main(['--help']) == 0") & QUICK


def test_help_of_a_verb_loads_nothing_heavy() -> None:
    assert not loaded_by("from handful.cli import main; assert main(['train', '--help']) == 0") & QUICK


def test_check_does_not_load_torch(tmp_path: Path) -> None:
    folder = write_discs(tmp_path / "discs", 3)
    assert "torch" not in loaded_by(f"from handful.cli import main; assert main(['check', {str(folder)!r}]) == 0")


def test_the_command_ends_with_the_status_of_its_verb(tmp_path: Path) -> None:
    for argv, status in ((["--help"], 0), (["check", str(tmp_path / "none")], 2)):
        run = subprocess.run([sys.executable, "-m", "handful", *argv], capture_output=True, text=True)
        assert run.returncode == status
        assert "Traceback" not in run.stderr


def test_the_train_command_loads_torch_when_it_reads_and_not_before() -> None:
    """In a thread of its own, while images are read."""
    assert "torch" not in loaded_by("import handful.cli.train, handful.verbs.train, handful.verbs.settings_file")


def test_reading_a_card_and_masks_does_not_load_torch() -> None:
    assert "torch" not in loaded_by("import handful.modelfile, handful.outputs.prediction, handful.verbs.evaluate")


@pytest.mark.parametrize("work", ["train {0} -o {1} --steps 2", "predict {1} {0}/images -o {1}/new"])
def test_no_compiler_is_loaded(work: str, tmp_path: Path) -> None:
    """torch imports its compiler, and sympy, for one wrong call: more than a second at every start."""
    folder, run = write_discs(tmp_path / "discs", 3), tmp_path / "run"
    if work.startswith("predict"):
        assert main(["train", str(folder), "-o", str(run), "--steps", "1"]) == 0
    argv = work.format(folder, run).split()
    assert "sympy" not in loaded_by(f"from handful.cli import main; assert main({argv!r}) == 0")


def test_the_command_line_is_a_thin_coat() -> None:
    """Nothing of the work is imported before a verb is called."""
    for file in sorted((SOURCE / "cli").glob("*.py")):
        assert at_import(file) <= {"__future__", "handful", "typer", "typing", *sys.stdlib_module_names}, file
