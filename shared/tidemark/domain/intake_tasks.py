"""Tasks for the intake function. Each task arrives at least once, and tasks arrive in any order, so each can safely run
twice."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class ReadFile(BaseModel):
    """Asks the intake function to read a file of an upload, from where the last read stopped."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["read"] = "read"
    uid: str
    upload: str
    file: int


class ResumeUpload(BaseModel):
    """Asks the intake function to resume an unfinished upload from a chunk on: to send every window that was not sent
    before."""

    model_config = ConfigDict(frozen=True, validate_by_name=True, serialize_by_alias=True)

    kind: Literal["resume"] = "resume"
    uid: str
    upload: str
    chunk: str = Field("", alias="part")
    retries: int = 0
    """Number of times that the upload had been retried when it reached the chunk. After a further retry, the upload is
    resumed from its first chunk."""


class Sweep(BaseModel):
    """Asks the intake function to find the uploads that stalled and have them resumed."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["sweep"] = "sweep"
    at: datetime


IntakeTask = ReadFile | ResumeUpload | Sweep
INTAKE_TASK: TypeAdapter[IntakeTask] = TypeAdapter(Annotated[IntakeTask, Field(discriminator="kind")])
