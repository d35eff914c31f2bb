"""Commands for whoever runs a deployment, beside the API."""
