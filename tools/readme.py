"""Run the README's code block of one language: `readme.py LANGUAGE COMMAND…`, where {} stands for the block's file.

Fails when the block is missing, when the program fails, or when it does not print what the README says behind `# ->`,
`// ->` or `/* -> … */`.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
ENDINGS = {"python": "py", "js": "mjs", "c": "c", "sh": "sh"}


def main() -> int:
    language, *command = sys.argv[1:]
    block = re.search(rf"^```{language}\n(.*?)^```$", README.read_text(), re.M | re.S)
    if not block:
        print(f"README.md has no {language} block", file=sys.stderr)
        return 1
    expected = [text.strip() for text in re.findall(r"(?:#|//|/\*) -> (.*?)(?:\*/)?$", block[1], re.M)]
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        program = Path(folder) / f"quickstart.{ENDINGS[language]}"
        program.write_text(block[1])
        words = " ".join(command).replace("{}", str(program))
        done = subprocess.run(words, shell=True, capture_output=True, text=True, timeout=120)
    printed = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    if done.returncode or printed != expected or not expected:
        print(f"README's {language} quick start: status {done.returncode}\n{done.stderr}", file=sys.stderr)
        print(f"expected {expected}\nprinted  {printed}", file=sys.stderr)
        return 1
    print(f"README's {language} quick start prints what it says")
    return 0


if __name__ == "__main__":
    sys.exit(main())
