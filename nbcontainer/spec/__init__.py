"""Pure values: the OCI documents, a container's configuration and life, the host's abilities."""
