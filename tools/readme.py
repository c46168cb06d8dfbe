"""Run the documents' code blocks of one language: `readme.py LANGUAGE COMMAND…`, where {} stands for a block's file.

These are the README's block, which must be there, and every block under docs/ that says what it prints, behind `# ->`,
`// ->` or `/* -> … */`. Fails when a program fails or prints something else.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENDINGS = {"python": "py", "js": "mjs", "c": "c", "sh": "sh"}


def main() -> int:
    language, *command = sys.argv[1:]
    readme = blocks(ROOT / "README.md", language)
    if not readme:
        print(f"README.md has no {language} block", file=sys.stderr)
        return 1
    programs = [("README.md", readme[0])]
    for page in sorted((ROOT / "docs").glob("*.md")):
        programs += [(f"docs/{page.name}", block) for block in blocks(page, language) if expected(block)]
    return max(run(place, block, language, command) for place, block in programs)


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.M | re.S)


def expected(block: str) -> list[str]:
    return [text.strip() for text in re.findall(r"(?:#|//|/\*) -> (.*?)(?:\*/)?$", block, re.M)]


def run(place: str, block: str, language: str, command: list[str]) -> int:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        program = Path(folder) / f"program.{ENDINGS[language]}"
        program.write_text(block)
        words = " ".join(command).replace("{}", str(program))
        done = subprocess.run(words, shell=True, capture_output=True, text=True, timeout=120)
    printed = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    wanted = expected(block)
    if done.returncode or printed != wanted or not wanted:
        print(f"{place}, {language}: status {done.returncode}\n{done.stderr}", file=sys.stderr)
        print(f"expected {wanted}\nprinted  {printed}", file=sys.stderr)
        return 1
    print(f"{place}: its {language} program prints what it says")
    return 0


if __name__ == "__main__":
    sys.exit(main())
