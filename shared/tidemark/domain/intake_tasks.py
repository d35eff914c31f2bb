"""What intake is told to do. Orders come at least once and in no order; doing one twice changes nothing."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class ReadFile(BaseModel):
    """Read a file of an upload, from where it was read last."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["read"] = "read"
    uid: str
    upload: str
    file: int


class ResumeUpload(BaseModel):
    """Go on with an upload that is not done, from one of its chunks on: whatever of it was never sent is sent."""

    model_config = ConfigDict(frozen=True, validate_by_name=True, serialize_by_alias=True)

    kind: Literal["resume"] = "resume"
    uid: str
    upload: str
    chunk: str = Field("", alias="part")
    retries: int = 0
    """How often the upload had been retried when it came to that chunk."""


class Sweep(BaseModel):
    """Find the uploads that were left lying at some time, and have them resumed."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["sweep"] = "sweep"
    at: datetime


IntakeTask = ReadFile | ResumeUpload | Sweep
INTAKE_TASK: TypeAdapter[IntakeTask] = TypeAdapter(Annotated[IntakeTask, Field(discriminator="kind")])
