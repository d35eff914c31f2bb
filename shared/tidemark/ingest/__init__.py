"""The ways in: rows from requests, files and the drop folder, written as chunks and cut into windows."""
