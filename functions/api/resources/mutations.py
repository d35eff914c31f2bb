"""Mutations: submit rows that add, modify and delete frames."""

from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.metrics import MetricUnit
from pydantic import BaseModel, ConfigDict, Field

from functions.api.http import problem, request_body
from functions.api.http.access import allow
from functions.api.http.deployment import backend
from functions.api.http.parameters import DatasetPath, IdempotencyKey, ProjectPath
from functions.api.http.response import WriteResponse
from functions.api.http.router import Router, dataset_path
from tidemark.domain.api_keys import Role
from tidemark.domain.frames.mutations import Mutation
from tidemark.domain.limits import MAX_REQUEST_ROWS
from tidemark.domain.uploads import Receipt
from tidemark.ingest.requests import submit

MUTATION_EXAMPLES: dict[str, dict[str, Any]] = {
    "add": {
        "mutations": [
            {
                "op": "ADD",
                "frame": {
                    "frame_id": "cam-0001",
                    "captured_at": "2026-03-01T12:00:00Z",
                    "sensors": [{"id": "front", "type": "IMAGE", "url": "s3://bucket/cam-0001.jpg"}],
                    "metadata": {"weather": "rain", "speed": 12.5, "tags": ["night", "wet"]},
                    "labels": [
                        {
                            "id": "car-1",
                            "type": "BBOX_2D",
                            "class": "car",
                            "sensor": "front",
                            "left": 10,
                            "top": 20,
                            "width": 30,
                            "height": 40,
                        }
                    ],
                },
            }
        ]
    },
    "modify": {
        "mutations": [
            {
                "op": "MODIFY",
                "frame": {
                    "frame_id": "cam-0001",
                    "metadata": {"weather": "snow"},
                    "labels": [{"id": "car-1", "class": "tram"}],
                },
                "remove_labels": ["car-2"],
            }
        ]
    },
    "delete": {"mutations": [{"op": "DELETE", "frame_id": "cam-0001"}]},
}

logger = Logger(child=True)
metrics = Metrics()
router = Router()


class NewMutations(BaseModel):
    """Rows to apply, in order. Each row is validated on its own, so that errors are reported row by row (R21)."""

    # This model only documents the body. Intake parses the rows itself, to report the errors of each row.

    model_config = ConfigDict(extra="forbid")

    mutations: Annotated[
        list[Annotated[Mutation, Field(discriminator="op")]],
        Field(min_length=1, max_length=MAX_REQUEST_ROWS, description="The rows, in the order in which they apply."),
    ]


@router.post(
    "/projects/<project>/datasets/<dataset>/mutations",
    operation_id="submitMutations",
    summary="Submit mutations",
    tags=["mutations"],
    status_code=202,
)
@allow(Role.WRITE)
def submit_mutations(
    project: ProjectPath, dataset: DatasetPath, idempotency_key: IdempotencyKey = None
) -> Response[Receipt]:
    """Accepts rows that add, modify and delete frames (R16 to R21).

    A STREAMING dataset accepts the valid rows even if others are invalid; a BATCH dataset accepts all rows or none. The
    receipt lists the invalid rows. Rows of the same frame apply in the order in which they were accepted. Poll the
    upload at `Location` until the upload settles. If no row is accepted, the response is 422 with the id of the upload,
    which is stored as failed.
    """
    receipt = submit(
        backend(),
        project=project,
        dataset=dataset,
        body=request_body.body(router.current_event.raw_event),
        actor=router.caller.name,
        idempotency_key=idempotency_key,
    )
    logger.info("upload accepted", upload=receipt.upload, accepted=receipt.accepted, rejected=receipt.rejected)
    metrics.add_metric("RowsAccepted", MetricUnit.Count, receipt.accepted)
    metrics.add_metric("RowsRejected", MetricUnit.Count, receipt.rejected)
    metrics.flush_metrics()
    location = dataset_path(project, dataset, "uploads", receipt.upload)
    if receipt.accepted == 0:
        return problem.of_rejected_upload(receipt, location, router.request_id)
    return WriteResponse.of(receipt, status=HTTPStatus.ACCEPTED, location=location).to_http()
