"""Provides boto3 to functions, as AWS's Python runtime does. The bundle does not contain boto3."""

from importlib.metadata import distribution
from pathlib import Path

DISTRIBUTIONS = ("boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3")


def link_sdk(folder: Path) -> None:
    """Links the packages of boto3 and its dependencies, installed in this environment, into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in DISTRIBUTIONS:
        package = distribution(name)
        top_level = {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}
        for file_name in top_level:
            link = folder / file_name
            link.unlink(missing_ok=True)
            link.symlink_to(str(package.locate_file(file_name)))
