"""Projects: groups of datasets that share one class map."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from tidemark.domain.ids import ProjectName


class Project(BaseModel):
    """A project. The project's class map is stored separately (R1)."""

    model_config = ConfigDict(frozen=True)

    name: ProjectName
    description: str
    created_at: datetime
    created_by: str
