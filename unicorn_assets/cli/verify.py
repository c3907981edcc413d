"""`unicorn verify`: whether a release is what its manifest says, on any machine."""

from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from unicorn_assets.release.manifest import read
from unicorn_assets.release.verify import verify as faults

SHOWN = 50


def verify(release: Path) -> int:
    """Prints every fault with its cure.

    Args:
        release: the folder of a release.

    Returns:
        0 where nothing is wrong, else 1.

    Raises:
        LakeError: there is no release of this format in the folder.
    """
    facts, console = read(release), Console(highlight=False, soft_wrap=True)
    found = 0
    with Progress(console=Console(stderr=True), transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("shards", total=None)
        for fault in faults(release, lambda done, total: bar.update(task, completed=done, total=total)):
            found += 1
            if found <= SHOWN:
                console.print(f"{fault.what}\n  To mend it: {fault.cure}", markup=False)
    if found:
        more = f", {found - SHOWN:,} more than are shown" if found > SHOWN else ""
        console.print(f"{found:,} faults{more}: {release} is not what its manifest says.", markup=False)
        return 1
    counts = ", ".join(f"{table.rows:,} rows of {name}" for name, table in facts.tables.items())
    console.print(f"Version {facts.version} is whole: {len(facts.files):,} files, {counts}.", markup=False)
    return 0
