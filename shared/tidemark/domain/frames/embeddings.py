"""Embeddings by reference: where a vector lies, and what made it (R4)."""

from typing import Annotated

from pydantic import BaseModel, Field

from tidemark.domain.frames.fields import SHAPE, Name, Url
from tidemark.domain.limits import MAX_EMBEDDING_DIMENSION


class EmbeddingSource(BaseModel):
    """What made an embedding: the model's name, and how many numbers it gives."""

    model_config = SHAPE

    model: Name
    dimension: Annotated[int, Field(strict=True, ge=1, le=MAX_EMBEDDING_DIMENSION)]


class Embedding(EmbeddingSource):
    """An embedding of a frame or of a label. A MODIFY replaces it whole."""

    url: Url

    @property
    def source(self) -> EmbeddingSource:
        """What made it, without where it lies."""
        return EmbeddingSource.model_construct(model=self.model, dimension=self.dimension)
