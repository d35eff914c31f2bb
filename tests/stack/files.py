"""Files of mutations, by the doors that take them."""

import json
from collections.abc import Iterable
from typing import Any

import httpx2

from tests.stack.client import Dataset, Json, wait_until
from tidemark.aws.backend import Backend


def lines(rows: Iterable[Any]) -> bytes:
    """Rows as a file holds them."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def put(dataset: Dataset, **files: bytes) -> str:
    """Announce files, put them, complete their upload; answers its id."""
    where = dataset.at("uploads")
    body = {"files": [{"name": name, "bytes": len(content)} for name, content in files.items()]}
    receipt = dataset.caller.create(where, body)
    for file in receipt["files"]:
        answer = httpx2.put(file["url"], content=files[file["name"]], headers=file["headers"], timeout=60)
        assert answer.status_code == 200, answer.text
    completed = dataset.caller.http.post(dataset.at("uploads", receipt["upload"], "complete"))
    assert completed.status_code == 202, completed.text
    upload: str = receipt["upload"]
    return upload


def drop(dataset: Dataset, backend: Backend, name: str, content: bytes) -> None:
    """Put a file into the drop folder, as a labelling vendor does."""
    key = f"drop/{dataset.project}/{dataset.name}/{name}"
    backend.s3.put_object(Bucket=backend.bucket, Key=key, Body=content)


def dropped(dataset: Dataset, count: int) -> list[Json]:
    """The uploads that dropped files have started, as soon as all of them have settled."""
    found: list[Json] = []

    def all_settled() -> bool:
        found[:] = [upload for upload in dataset.items("uploads") if upload["source"] == "DROP"]
        return len(found) == count and all(upload["status"] != "PENDING" for upload in found)

    wait_until(all_settled, f"{count} dropped files to settle")
    return found
