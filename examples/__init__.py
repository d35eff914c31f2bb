"""Programs that use Tidemark as its users do: through its HTTPS API, with nothing of `tidemark` imported."""
