"""Checks a CycloneDX file of cargo-cyclonedx against Cargo.lock and writes it without what changes from run to run.

    sbom.py MADE TREE OUT EPOCH
"""

import datetime
import json
import os
import re
import subprocess
import sys


def crates_of_the_lock(tree):
    text = open(os.path.join(tree, "Cargo.lock")).read()
    return set(re.findall(r'name = "([^"]+)"\nversion = "([^"]+)"', text))


def crates_of_the_program(tree):
    """What is built for the program on any platform: the rest of the lock file is for tests alone."""
    command = ["cargo", "tree", "--locked", "--workspace", "--target", "all", "-e", "normal,build", "--prefix", "none", "-f", "{p}"]
    lines = subprocess.run(command, cwd=tree, check=True, capture_output=True, text=True).stdout.splitlines()
    return {(name, version) for name, version in re.findall(r"^(\S+) v(\S+)", "\n".join(lines), re.M)}


def main():
    made, tree, out, epoch = sys.argv[1:]
    bom = json.load(open(made))
    components = [bom["metadata"]["component"], *bom["components"]]
    named = {(component["name"], component["version"]) for component in components}
    lock, program = crates_of_the_lock(tree), crates_of_the_program(tree)
    for what, missing in [("of the program", program - named), ("that no lock file knows", named - lock)]:
        if missing:
            sys.exit(f"{made}: crates {what}: {sorted(missing)}")
    unlicensed = sorted(c["name"] for c in components if not c.get("licenses"))
    if unlicensed:
        sys.exit(f"{made}: without a licence: {unlicensed}")
    bom.pop("serialNumber", None)
    at = datetime.datetime.fromtimestamp(int(epoch), datetime.timezone.utc)
    bom["metadata"]["timestamp"] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    text = json.dumps(bom, indent=1, sort_keys=True).replace("path+file://" + os.path.realpath(tree), "path+file:///watchfire")
    open(out, "w").write(text + "\n")
    print(f"{out}: {len(program)} crates of {len(lock)} in Cargo.lock; the others are for tests: {', '.join(sorted(name for name, _ in lock - named))}")


main()
