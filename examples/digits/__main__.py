"""`python -m examples.digits`: runs the demo, and exits with 1 if any result is not as expected."""

import argparse
import sys
import time

import httpx2
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from examples.digits.client import Api, Refused
from examples.digits.deployment import API, BUCKET, KEY, find_deployment
from examples.digits.exports import compare_statistics, export
from examples.digits.next_steps import print_next_steps
from examples.digits.reading import compare_picture, compare_versions, print_histories
from examples.digits.story import CORRECTED, HURRIED, Story
from examples.digits.travel import clone, compare_checkpoints, roll_back
from examples.digits.waiting import Failed

MAX_SHOWN = 20


def run(story: Story) -> int:
    """Runs the whole story, and returns the exit status of the process."""
    began = time.monotonic()
    console, api = story.console, story.api
    story.open_dataset()
    story.upload_images()
    story.mutate()
    latest = str(max(story.ledger.versions))
    compare_checkpoints(story, HURRIED, CORRECTED)
    roll_back(story, HURRIED, "Were the labels better before?")
    roll_back(story, latest, "They were not")
    differing = compare_versions(api, story.path, story.ledger, console)
    clone(story, CORRECTED)
    compare_statistics(story, CORRECTED)
    export(story, CORRECTED)
    frame_id, relabelled = story.relabelled_frame()
    png = next(scan.png for scan in story.scans if scan.frame_id == frame_id)
    differing += filter(None, [compare_picture(api, story.path, frame_id, png, story.deployment, console)])
    print_histories(api, story.path, frame_id, story.version_of, console)
    wrong = story.wrong + differing
    took = f"{time.monotonic() - began:.1f} s"
    if wrong:
        for difference in wrong[:MAX_SHOWN]:
            console.print(difference, soft_wrap=True, highlight=False, markup=False)
        console.print(f"Not as it should be; differences: {len(wrong)} ({took}).", highlight=False)
        return 1
    console.print(f"\nEverything is as it should be ({took}).", highlight=False)
    print_next_steps(story.deployment, story.path, frame_id, relabelled, console)
    return 0


def main() -> int:
    """Runs the demo against the deployment in the arguments or environment, else against the stack on this machine."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.digits",
        description=f"The handwritten digits as a changing dataset. The API key is read from {KEY}. "
        "Without arguments and environment variables, it uses the stack that `make up` started on this machine.",
    )
    parser.add_argument("--api", help=f"address of the API, the stack's ApiUrl (default: {API})")
    parser.add_argument("--bucket", help=f"the stack's BucketName (default: {BUCKET})")
    options = parser.parse_args()
    deployment = find_deployment(options.api, options.bucket)
    console = Console(highlight=False)
    console.print(f"Handwritten digits, a dataset that changes, at {deployment.api}\n", soft_wrap=True)
    try:
        return run(Story(deployment, Api.at(deployment.api, deployment.key), console))
    except (Refused, Failed, httpx2.HTTPError, TimeoutError, BotoCoreError, ClientError) as failure:
        console.print(f"Stopped: {failure}", soft_wrap=True, markup=False)
        return 1


if __name__ == "__main__":
    sys.exit(main())
