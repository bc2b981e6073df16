"""Every Python block of the README runs alone, in an empty folder, and prints what it says."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
NUMBER = re.compile(r"(< )?(-?\d+\.?\d*(?:e[+-]?\d+)?)")
#: How far a printed number may be from the one in the comment; what was learnt differs a little
#: from machine to machine. Whole numbers must be the same.
TOLERANCE = 0.2


def expectations(block):
    """The comment behind each print of a block."""
    found = re.findall(r"^print\(.*\)  # (.*)$", block, re.MULTILINE)
    assert len(found) == block.count("print("), "each print says what it prints"
    return found


def parts(text):
    """The words of a text without its numbers, and these, each with whether it is a bound."""
    numbers = [(bool(bound), value) for bound, value in NUMBER.findall(text)]
    return re.findall(r"[A-Za-z_]+", NUMBER.sub(" ", text)), numbers


def check(comment, printed):
    """Compare numbers one by one, and the printed words with the first of the comment's."""
    (said, expected), (words, got) = parts(comment), parts(printed)
    assert said[: len(words)] == words, f"{printed!r} is not {comment!r}"
    assert len(got) == len(expected), f"{printed!r} is not {comment!r}"
    for (is_bound, text), (_, value) in zip(expected, got, strict=True):
        want, have = float(text), float(value)
        if is_bound:
            assert 0 <= have < want, f"{have} is not below {want}"
        elif re.fullmatch(r"-?\d+", text):
            assert have == want, f"{have} is not {want}"
        else:
            assert abs(have - want) <= TOLERANCE * abs(want) + 1e-9, f"{have} is not near {want}"


@pytest.mark.parametrize("i", range(len(BLOCKS)))
def test_a_block_runs_alone_and_prints_what_it_says(i, tmp_path):
    said = expectations(BLOCKS[i])
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    run = subprocess.run(
        [sys.executable, "-c", BLOCKS[i]],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path, "MPLBACKEND": "Agg", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    printed = run.stdout.splitlines()
    assert len(printed) == len(said), run.stdout
    for comment, line in zip(said, printed, strict=True):
        check(comment, line)


@pytest.mark.parametrize(
    ("comment", "printed"),
    [
        ("0.0115", "0.0149"),
        ("< 0.01", "0.011"),
        ("< 0.01", "nan"),
        ("True True", "True False"),
        ("[1.0 0.0]", "[1. 0.1]"),
        ("(10, 1)", "(10, 2)"),
        ("{'saddle': 18}", "{'saddle': 19}"),
        ("{'saddle': 18}", "{'node': 18}"),
        ("[1.0 0.0]", "[1.0]"),
    ],
)
def test_another_output_is_found(comment, printed):
    with pytest.raises(AssertionError):
        check(comment, printed)
