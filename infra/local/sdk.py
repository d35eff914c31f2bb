"""The AWS SDK as a folder of its own, for functions: AWS's Python runtime brings boto3, the bundle does not."""

from importlib.metadata import distribution
from pathlib import Path

DISTRIBUTIONS = ("boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3")


def link_sdk(folder: Path) -> None:
    """Fill `folder` with links to this environment's boto3 and what it needs, and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in DISTRIBUTIONS:
        package = distribution(name)
        tops = {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}
        for top in tops:
            link = folder / top
            link.unlink(missing_ok=True)
            link.symlink_to(str(package.locate_file(top)))
