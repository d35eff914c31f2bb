"""What all routes share: parameters, bodies, problem documents, idempotency and the description."""
