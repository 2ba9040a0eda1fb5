"""The part of the lineage that dbt cannot say: what the Python app writes is made from what it reads.

In dbt a source has no parents and an exposure no children, so the graph would fall apart where Python takes over.
An exposure of this project names the sources that it `writes`; here they are joined in the documentation's manifest.
"""

from typing import Any


def join_what_python_writes(manifest: dict[str, Any]) -> None:
    """Adds the exposure, and all that it reads, as parents of each source that it writes.

    The pages draw no arrow that leaves an exposure: what it reads is drawn as joined to what it writes.
    """
    for name, exposure in manifest["exposures"].items():
        for written in exposure["config"]["meta"].get("writes", []):
            source = f"source.{exposure['package_name']}.{written}"
            for parent in (name, *exposure["depends_on"]["nodes"]):
                manifest["parent_map"][source].append(parent)
                manifest["child_map"].setdefault(parent, []).append(source)
