"""Registries: the OCI distribution-spec over HTTP, as a client and as a small server.

    transport   one request, one answer, over requests; redirects and sizes
    auth retry answers   rings around it: credentials, what may be tried again, Docker's words
    client      a repository's manifests, blobs, tags
    transfer    one blob down into a sink or up from a source; resumes
    server …    a small registry for labs and tests

It knows no store: who takes blobs in, or gives them, fits the protocols that `transfer` and `server` state.
"""
