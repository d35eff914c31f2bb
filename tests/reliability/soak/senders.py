"""Senders: each has a key and frames of its own, uploads in every way, and knows what each version must contain."""

import gzip
import json
import time
import uuid
from collections.abc import Callable
from random import Random

import httpx2

from tests.reliability.soak.ledger import Batch, Frame, Json, Ledger, seen
from tests.reliability.soak.stage import Place, Stage
from tests.support.deployed.files import lines
from tidemark.domain.api_keys import Role

MOST_ROWS = 200
READ_AT_ONCE = 100
KEPT_STATES = 30
"""Number of versions for which a sender remembers its frames."""
SETTLES = 180.0
"""Seconds in which an upload must settle."""


class Sender:
    """A sender that writes to one dataset."""

    def __init__(self, stage: Stage, place: Place, number: int, random: Random) -> None:
        self._stage = stage
        self._place = place
        self._random = random
        self.ledger = Ledger(f"{place.prefix}s{number}:", random)
        self.uploads: dict[str, Json] = {}
        """Accepted uploads in their settled state, by id."""
        self.states: dict[int, dict[str, Frame]] = {}
        self._me = stage.actor(Role.ADMIN, place.project)
        self._tally = stage.tally
        self._rolls_back = place == stage.alone

    @property
    def place(self) -> Place:
        """The dataset that it writes to."""
        return self._place

    @property
    def has_exact_history(self) -> bool:
        """Whether only its own rows have changed its frames."""
        return not self._rolls_back

    def begin(self) -> None:
        """Sends some rows before the others start, so that readers find data and functions are warm."""
        self._request()

    def work(self, goes_on: Callable[[], bool]) -> None:
        """Sends until the soak ends. Everything has settled on return."""
        doors = {self._request: 9, self._burst: 3, self._file: 2, self._drop: 1, self._retry: 1}
        if self._rolls_back:
            doors[self._roll_back] = 3
        while goes_on():
            (door,) = self._random.choices([*doors], [*doors.values()])
            door()
            if self.states and self._random.random() < 0.4:
                self._verify(self._random.choice([*self.states]))

    def _request(self) -> None:
        """Sends one request, perhaps repeated, and waits for it to settle."""
        batch = self.ledger.batch(self._random.choice([1, 5, 50, MOST_ROWS]))
        self._settled([(self._send(batch), batch)])

    def _burst(self) -> None:
        """Sends several requests without waiting for each to settle."""
        batches = [self.ledger.batch(8) for _ in range(4)]
        self._settled([(self._send(batch), batch) for batch in batches])

    def _send(self, batch: Batch) -> str:
        headers = {"Idempotency-Key": uuid.uuid4().hex, "content-type": "application/json"}
        body = json.dumps({"mutations": batch.rows}).encode()

        def sent() -> Json:
            expected = (202, 422) if batch.applied + batch.dropped == 0 else (202,)
            answer: Json = self._me.ask(
                "send", "POST", self._place.at("mutations"), expected=expected, content=body, headers=headers
            )
            return answer

        receipt = sent()
        self._tally.count("requests with rows")
        if self._random.random() < 0.25:
            again = sent()
            again.pop("request_id", None)
            if again != {name: value for name, value in receipt.items() if name != "request_id"}:
                self._tally.violate("doubled", f"a repeated request got another response: {receipt} and {again}")
            self._tally.count("repeats")
        return str(receipt["upload"])

    def _file(self) -> None:
        """Uploads a gzip file by a signed URL."""
        batch = self.ledger.batch(MOST_ROWS)
        content = gzip.compress(lines(batch.rows))
        body = {"files": [{"name": "rows.jsonl.gz", "bytes": len(content)}]}
        receipt = self._me.ask("other", "POST", self._place.at("uploads"), expected=(201,), json=body)
        (file,) = receipt["files"]
        httpx2.put(file["url"], content=content, headers=file["headers"], timeout=60).raise_for_status()
        self._me.ask("other", "POST", self._place.at("uploads", receipt["upload"], "complete"), expected=(202,))
        self._tally.count("files by signed URL")
        self._settled([(receipt["upload"], batch)])

    def _drop(self) -> None:
        """Drops a file and finds its upload by the file's name."""
        batch = self.ledger.batch(50)
        key = self._stage.drop(self._place, f"{uuid.uuid4().hex}.jsonl", lines(batch.rows))
        self._tally.count("dropped files")
        give_up = time.monotonic() + SETTLES
        while True:
            page = self._me.read("other", self._place.at("uploads"), source="DROP", limit=20)
            for upload in page["items"]:
                files = self._me.read("other", self._place.at("uploads", upload["id"], "files"))["items"]
                if files[0]["name"] == key:
                    self._settled([(upload["id"], batch)])
                    return
            if time.monotonic() > give_up:
                self._tally.violate("lost", f"the dropped file {key} did not start an upload")
                return
            time.sleep(0.3)

    def _retry(self) -> None:
        """Retries an upload with nothing to retry, which must be refused."""
        if self.uploads:
            upload = self._random.choice([*self.uploads])
            refused = self._me.ask("other", "POST", self._place.at("uploads", upload, "retry"), expected=(409,))
            if refused["code"] != "nothing_to_retry":
                self._tally.violate("unexpected response", f"retry of {upload}: {refused}")
            self._tally.count("retries")

    def _roll_back(self) -> None:
        """Rolls the dataset back to a version whose frames it knows."""
        if not self.states:
            return
        version = self._random.choice([*self.states])
        body = {"version": str(version), "message": "soak"}
        begun = self._me.ask("other", "POST", self._place.at("rollbacks"), expected=(202,), json=body)
        self.ledger.put_back(self.states[version])
        self._tally.count("roll backs")
        self._settled([(begun["id"], None)])

    def _settled(self, sent: list[tuple[str, Batch | None]]) -> None:
        """Waits for the latest uploads. The newest of their versions then contains the ledger's frames."""
        settled = [self._end(upload, batch) for upload, batch in sent]
        numbers = [upload["version"] for upload in settled if upload.get("version")]
        if not numbers:
            return
        if len(self.states) >= KEPT_STATES:
            del self.states[self._random.choice([*self.states])]
        self.states[max(numbers)] = dict(self.ledger.frames)

    def _end(self, upload: str, batch: Batch | None) -> Json:
        where = self._place.at("uploads", upload)
        give_up = time.monotonic() + SETTLES
        with self._tally.timed("to settle"):
            while (read := self._me.read("poll", where))["status"] == "PENDING":
                if time.monotonic() > give_up:
                    self._tally.violate("lost", f"upload {upload} has not settled in {SETTLES:.0f} s: {read}")
                    return {}
                time.sleep(0.2)
        record: Json = read
        self.uploads[upload] = record
        self._tally.count("uploads")
        self._tally.count("rows", record["rows"])
        outcome = {name: record[name] for name in ("applied", "dropped", "rejected", "failed")}
        due = {"applied": batch.applied, "dropped": batch.dropped, "rejected": batch.rejected} if batch else {}
        if outcome != {**outcome, **due, "failed": 0} or sum(outcome.values()) != record["rows"]:
            self._tally.violate("lost", f"upload {upload} of {record['rows']} rows has outcomes {outcome}, not {due}")
        return record

    def _verify(self, version: int) -> None:
        """Checks that a version contains the frames that the ledger had when it was settled, and no deleted ones."""
        state = self.states[version]
        gone = [frame_id for frame_id in self.ledger.gone if frame_id not in state]
        missing = set(self._random.sample(gone, min(len(gone), 10)))
        ids = [*state, *missing]
        for start in range(0, len(ids), READ_AT_ONCE):
            batch_ids = ids[start : start + READ_AT_ONCE]
            body = {"frame_ids": batch_ids, "version": str(version)}
            answer = self._me.ask("read", "POST", self._place.at("frames", "batch-get"), json=body)
            read = {item["frame"]["frame_id"]: seen(item["frame"]) for item in answer["items"]}
            wanted = {frame_id: state[frame_id] for frame_id in batch_ids if frame_id in state}
            self._tally.count("frames verified", len(batch_ids))
            if read != wanted:
                wrong = sorted(i for i in batch_ids if read.get(i) != wanted.get(i))
                self._tally.violate(
                    "snapshot", f"{self._place.at()} version {version}: {wrong[:3]} differ from what their sender wrote"
                )
