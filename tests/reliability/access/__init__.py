"""Who may call what, and that nobody reaches what is another project's: the API behind its real authorizer, on moto."""

import os

# Powertools reads these when a handler's module is loaded.
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Tidemark")
os.environ.setdefault("POWERTOOLS_TRACE_DISABLED", "1")
