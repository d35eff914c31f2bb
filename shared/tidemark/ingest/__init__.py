"""Intake of rows from requests, files and the drop folder: stores rows as chunks and cuts them into windows."""
