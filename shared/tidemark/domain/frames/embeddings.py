"""Embeddings by reference: the URL of a vector, and the model that produced the vector (R4)."""

from typing import Annotated

from pydantic import BaseModel, Field

from tidemark.domain.frames.fields import MODEL_CONFIG, Name, Url
from tidemark.domain.limits import MAX_EMBEDDING_DIMENSION


class EmbeddingSource(BaseModel):
    """The source of an embedding: the model's name and the number of dimensions."""

    model_config = MODEL_CONFIG

    model: Name
    dimension: Annotated[int, Field(strict=True, ge=1, le=MAX_EMBEDDING_DIMENSION)]


class Embedding(EmbeddingSource):
    """The embedding of a frame or a label. A MODIFY replaces the embedding as a whole."""

    url: Url

    @property
    def source(self) -> EmbeddingSource:
        """The embedding's model and number of dimensions, without its URL."""
        return EmbeddingSource.model_construct(model=self.model, dimension=self.dimension)
