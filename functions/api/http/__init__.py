"""HTTP concerns that all routes share: access, parameters, bodies, problem documents and idempotency."""
