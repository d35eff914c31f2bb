"""The story: uploads the pictures, then sends five rounds of mutations. Each step prints a line with its time."""

import time
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

from rich.console import Console

from examples.digits import steps
from examples.digits.client import Api, Refused
from examples.digits.deployment import CONNECTIONS, Deployment
from examples.digits.ledger import Frames, Ledger
from examples.digits.scans import CLASSES, Scan, hurried_labels, read_scans
from examples.digits.uploads import REQUEST_ROWS, Sent, Step, bars, send

PROJECT, DATASET = "digits", "scans"
HURRIED, CORRECTED = "hurried", "corrected"
SEED = 20
WRONG_SHARE = 0.08
FAINTEST = 40
TEST_EVERY = 5
CHECKED = 25


def print_line(console: Console, title: str, what: str, outcome: str = "", took: str = "") -> None:
    """Prints one line of the story."""
    line = f"  {title:<9}  {what:<42}  {outcome:<26}  {took}"
    console.print(line.rstrip(), soft_wrap=True, highlight=False, markup=False)


def print_detail(console: Console, line: str) -> None:
    """Prints a line that belongs to the one before it."""
    console.print(f"    {line}".rstrip(), soft_wrap=True, highlight=False, markup=False)


class Story:
    """One run of the demo: a new dataset, its expected content at each version, and what turned out wrong."""

    def __init__(self, deployment: Deployment, api: Api, console: Console) -> None:
        self.deployment = deployment
        self.api = api
        self.console = console
        self.scans = read_scans()
        self.truth = {scan.frame_id: scan.digit for scan in self.scans}
        self.ledger = Ledger()
        self.wrong: list[str] = []
        self.version_of: dict[str, int] = {}
        """The version that each upload settled into, by the upload's id."""
        self.checkpoints: dict[str, int] = {}
        """The version of each checkpoint, by its name."""

    def open_dataset(self) -> None:
        """Creates the project if this is the first run, and a new dataset in it: `scans`, `scans-2` and so on."""
        body = {"name": PROJECT, "description": "Handwritten digits", "classes": [{"name": name} for name in CLASSES]}
        try:
            self.api.post("/projects", body)
        except Refused as refusal:
            if refusal.status != HTTPStatus.CONFLICT:
                raise
        taken = {dataset["name"] for dataset in self.api.items(f"/projects/{PROJECT}/datasets")}
        names = [DATASET, *(f"{DATASET}-{number}" for number in range(2, len(taken) + 2))]
        self.dataset = next(name for name in names if name not in taken)
        self.path = f"/projects/{PROJECT}/datasets/{self.dataset}"
        self.api.post(f"/projects/{PROJECT}/datasets", {"name": self.dataset, "description": "8x8 scans"})
        print_line(self.console, "Dataset", f"{self.dataset}, in project {PROJECT}", "empty, version 0")

    def upload_images(self) -> None:
        """Uploads every scan as a PNG to `assets/` in the stack's bucket, with the user's AWS credentials."""
        folder = f"assets/{PROJECT}/{self.dataset}"
        self.assets = f"s3://{self.deployment.bucket}/{folder}"
        began = time.monotonic()

        def upload(scan: Scan) -> None:
            self.deployment.s3.put_object(
                Bucket=self.deployment.bucket,
                Key=f"{folder}/{scan.frame_id}.png",
                Body=scan.png,
                ContentType="image/png",
            )

        with ThreadPoolExecutor(CONNECTIONS) as threads, bars(self.console) as progress:
            for _ in progress.track(threads.map(upload, self.scans), total=len(self.scans), description="images"):
                pass
        took = time.monotonic() - began
        count = len(self.scans)
        print_line(
            self.console,
            "Images",
            f"{count:>5,} PNGs uploaded to S3",
            f"under {folder}/",
            f"{took:.1f} s, {count / took:,.0f} images/s",
        )

    def mutate(self) -> None:
        """Sends the five rounds, with a checkpoint before and another one after the labels are corrected."""
        labels = hurried_labels(self.scans, share=WRONG_SHARE, seed=SEED)
        batches = [self.scans[start : start + REQUEST_ROWS] for start in range(0, len(self.scans), REQUEST_ROWS)]
        self._send("Add", "frames, labelled in a hurry", *(steps.add(batch, labels, self.assets) for batch in batches))
        self._freeze(HURRIED, "As the hurried annotator left it")
        self._send("Relabel", "labels were wrong: second annotator", steps.relabel(self.ledger.now, self.truth))
        self._freeze(CORRECTED, "As the second annotator left it")
        self._send("Delete", "faintest scans go", steps.delete(self._faintest()))
        self._send("Metadata", "frames move from train to test", steps.hold_out(self.ledger.now, self._every_fifth()))
        zeros = self._zeros()
        slip = zeros[len(zeros) // 3]
        sent = self._send(
            "Confirm", "zeros checked, one typed as O", steps.confirm(self.ledger.now, zeros, slip), bad=1
        )
        self._print_errors(sent)

    def _send(self, title: str, what: str, *sent_steps: Step, bad: int = 0) -> Sent:
        """Sends steps as uploads that are in flight together, enters them in the ledger, and checks their outcomes.

        `bad` is the number of rows that must be rejected.
        """
        sent = send(self.api, self.path, [step.rows for step in sent_steps], self.console)
        self.version_of |= {upload["id"]: upload["version"] for upload in sent.uploads}
        self.ledger.settled(
            [(upload["version"], step.changes) for upload, step in zip(sent.uploads, sent_steps, strict=True)]
        )
        versions = sorted({upload["version"] for upload in sent.uploads})
        status = "PARTIAL" if bad else "SETTLED"
        self.check(title, "status", {upload["status"] for upload in sent.uploads}, {status})
        self.check(
            title,
            "rows applied",
            [upload["applied"] for upload in sent.uploads],
            [len(step.changes) for step in sent_steps],
        )
        self.check(title, "rows rejected", sum(upload["rejected"] for upload in sent.uploads), bad)
        print_line(
            self.console,
            title,
            f"{sent.rows:>5,} {what}",
            f"{status}, version{'s' if len(versions) > 1 else ''} {' and '.join(map(str, versions))}",
            f"accepted {sent.accepted_after:.1f} s, settled {sent.settled_after:.1f} s, "
            f"{sent.rows / sent.settled_after:,.0f} frames/s",
        )
        return sent

    def _freeze(self, name: str, description: str) -> None:
        """Creates a checkpoint of the version in which everything sent so far has settled."""
        began = time.monotonic()
        version = max(self.ledger.versions)
        body = {"name": name, "version": str(version), "description": description}
        made = self.api.post(f"{self.path}/checkpoints", body)
        self.checkpoints[name] = version
        verdict = self.check("Freeze", "frames", made["frames"], len(self.ledger.now))
        what = f"{made['frames']:>5,} frames: checkpoint {name}"
        print_line(
            self.console, "Freeze", what, f"{verdict}, version {made['version']}", f"{time.monotonic() - began:.1f} s"
        )

    def number(self, version: str) -> int:
        """Returns the number of a version, given by the name of a checkpoint or by its number."""
        return self.checkpoints.get(version) or int(version)

    def expected_at(self, version: str) -> Frames:
        """Returns the frames that a version must hold."""
        return self.ledger.versions[self.number(version)].frames

    def _print_errors(self, sent: Sent) -> None:
        for upload in sent.uploads:
            for error in self.api.items(f"{self.path}/uploads/{upload['id']}/errors"):
                where = f"row {error['row']}, {error['frame_id']}, is {error['outcome']}"
                print_detail(self.console, f"{where}: {error['code']} at {error['pointer']}")
                print_detail(self.console, error["message"])

    def check(self, title: str, what: str, seen: object, expected: object) -> str:
        """Records a value that is not the expected one. Returns the verdict to print."""
        return self.record(title, [] if seen == expected else [f"{what} {seen}, expected {expected}"])

    def record(self, title: str, differences: list[str]) -> str:
        """Records differences. Returns the verdict to print."""
        self.wrong += [f"{title}: {difference}" for difference in differences]
        return f"differences: {len(differences)}" if differences else "as expected"

    def _faintest(self) -> list[str]:
        return [scan.frame_id for scan in sorted(self.scans, key=lambda scan: scan.contrast)[:FAINTEST]]

    def _every_fifth(self) -> list[str]:
        return sorted(self.ledger.now)[::TEST_EVERY]

    def _zeros(self) -> list[str]:
        return [frame_id for frame_id in sorted(self.ledger.now) if self.truth[frame_id] == "0"][:CHECKED]

    def relabelled_frame(self) -> tuple[str, int]:
        """Returns a frame that was relabelled and later held out, and the version that relabelled it."""
        for version, expected in sorted(self.ledger.versions.items()):
            for frame_id, frame in expected.frames.items():
                late = self.ledger.now.get(frame_id, {}).get("metadata", {}).get("split") == "test"
                if late and frame["labels"][0]["attributes"]["annotator"] == "second":
                    return frame_id, version
        raise AssertionError("the story relabels frames that it later holds out")
