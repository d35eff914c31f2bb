"""The API function, which serves `/api/v2`."""
