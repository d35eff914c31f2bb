"""Uploads files of mutations, by signed URLs and by the drop folder."""

import json
from collections.abc import Iterable
from typing import Any

import httpx2

from tests.support.deployed.client import Dataset, Json, wait_until
from tidemark.aws.backend import Backend


def lines(rows: Iterable[Any]) -> bytes:
    """Returns rows as JSON Lines."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def put(dataset: Dataset, **files: bytes) -> str:
    """Announces files, uploads them, completes their upload and returns its id."""
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
    """Uploads a file to the drop folder, as a labelling vendor does."""
    key = f"drop/{dataset.project}/{dataset.name}/{name}"
    backend.s3.put_object(Bucket=backend.bucket, Key=key, Body=content)


def dropped(dataset: Dataset, count: int) -> list[Json]:
    """Waits until `count` dropped files have settled and returns their uploads."""
    uploads: list[Json] = []

    def all_settled() -> bool:
        uploads[:] = [upload for upload in dataset.items("uploads") if upload["source"] == "DROP"]
        return len(uploads) == count and all(upload["status"] != "PENDING" for upload in uploads)

    wait_until(all_settled, f"{count} dropped files to settle")
    return uploads
