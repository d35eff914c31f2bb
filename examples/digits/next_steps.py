"""Commands to try next on the deployment and the dataset of the demo, ready to paste."""

from rich.console import Console

from examples.digits.deployment import API, KEY, LOCAL, ROOT, Deployment
from examples.digits.story import CORRECTED


def print_next_steps(deployment: Deployment, dataset: str, frame_id: str, relabelled: int, console: Console) -> None:
    """Prints the commands. `relabelled` is the version that corrected the frame's label."""
    base = f"${API}{dataset}"
    curl = f'curl -s -H "x-api-key: ${KEY}"'
    shown = "| python3 -m json.tool"
    modify = f'{{"mutations":[{{"op":"MODIFY","frame":{{"frame_id":"{frame_id}","metadata":{{"split":"train"}}}}}}]}}'
    lines = [
        "",
        "To go on, from this folder:",
        "",
        f"export {API}={deployment.api}",
        *([f"export {KEY}=$(cat {(LOCAL / 'admin.key').relative_to(ROOT)})"] if deployment.local else []),
        "# the versions: when, by which upload, how much they hold",
        f'{curl} "{base}/versions" {shown}',
        f"# {frame_id} before and after it was relabelled",
        f'{curl} "{base}/frames/{frame_id}?version={relabelled - 1}" {shown}',
        f'{curl} "{base}/frames/{frame_id}?version={relabelled}" {shown}',
        "# change it yourself, and see the change in its history",
        f'{curl} -H "content-type: application/json" "{base}/mutations" \\',
        f"  -d '{modify}' {shown}",
        f'sleep 2; {curl} "{base}/frames/{frame_id}/history?limit=1" {shown}',
        "# what has changed since the labels were corrected; the files of an export, each with a signed URL",
        f'{curl} "{base}/diff/summary?from={CORRECTED}" {shown}',
        f'{curl} "{base}/checkpoints/{CORRECTED}/exports/coco/files" {shown}',
        "# all that the API can do",
        f'curl -s "${API}/openapi.json" {shown} | less',
    ]
    if deployment.local:
        lines.append("# stop the stack; `make up` brings it back with its data")
        lines.append("make down")
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)
