"""Tasks for the intake function. They arrive at least once and in any order, so each can safely run twice."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class ReadFile(BaseModel):
    """Reads a file of an upload, from where the last read stopped."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["read"] = "read"
    uid: str
    upload: str
    file: int


class ResumeUpload(BaseModel):
    """Resumes an unfinished upload from a chunk on: sends every window that was not sent before."""

    model_config = ConfigDict(frozen=True, validate_by_name=True, serialize_by_alias=True)

    kind: Literal["resume"] = "resume"
    uid: str
    upload: str
    chunk: str = Field("", alias="part")
    retries: int = 0
    """How often the upload had been retried when it reached that chunk."""


class Sweep(BaseModel):
    """Finds the uploads that stalled and has them resumed."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["sweep"] = "sweep"
    at: datetime


IntakeTask = ReadFile | ResumeUpload | Sweep
INTAKE_TASK: TypeAdapter[IntakeTask] = TypeAdapter(Annotated[IntakeTask, Field(discriminator="kind")])
