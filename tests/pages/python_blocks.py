"""Runs the Python code of pages: the blocks of a page one after the other, as one program.

    python_blocks.py PYTHON PAGE...

Each page runs in an empty directory. A block that begins with `# not run` is only compiled.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path


def program(page: Path) -> str:
    """The page's blocks at the lines where they stand in it, so that a traceback names the page's line."""
    lines, kept, inside, skipped = page.read_text(encoding="utf-8").splitlines(), [], False, False
    for number, line in enumerate(lines):
        if line.startswith("```"):
            inside = line.strip() == "```python"
            skipped = inside and lines[number + 1].startswith("# not run")
            kept.append("")
            if skipped:
                block = "\n".join(lines[number + 1 :]).split("\n```", 1)[0]
                compile(block, f"{page}:{number + 1}", "exec")
        else:
            kept.append(line if inside and not skipped else "")
    return "\n".join(kept)


def main() -> None:
    python, *pages = sys.argv[1:]
    for page in map(Path, pages):
        text = program(page)
        if not re.search(r"\S", text):
            sys.exit(f"{page} has no block of Python")
        with tempfile.TemporaryDirectory() as directory:
            ended = subprocess.run([python, "-c", f"exec(compile({text!r}, {str(page)!r}, 'exec'))"], cwd=directory)
        if ended.returncode != 0:
            sys.exit(f"{page}: its Python code fails")
        print(f"{page}: runs")


if __name__ == "__main__":
    main()
