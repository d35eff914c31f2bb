"""Access: who may call what, and that nobody reaches another project. The API behind its real authorizer, on moto."""

import os

# Powertools reads these when a handler's module is imported.
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Tidemark")
os.environ.setdefault("POWERTOOLS_TRACE_DISABLED", "1")
