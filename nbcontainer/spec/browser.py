"""Where a browser reaches a port of this host, told from the environment that the notebook runs in.  Pure.

JupyterHub, Binder   <prefix>proxy/<port>/, where jupyter-server-proxy is installed
code-server          VSCODE_PROXY_URI, which holds {{port}}
GitHub Codespaces    https://<name>-<port>.<domain>/
elsewhere            http://localhost:<port>/, which VS Code forwards by itself
"""

from __future__ import annotations

from collections.abc import Mapping

_EVERYWHERE = ("", "0.0.0.0", "::", "127.0.0.1", "::1")


def browser_url(
    address: str, port: int, path: str, environ: Mapping[str, str], *, has_proxy: bool
) -> str:
    """Return the link; `has_proxy`: jupyter-server-proxy is there.  On a Hub without it: ""."""
    path = "/" + path.lstrip("/")
    prefix = environ.get("JUPYTERHUB_SERVICE_PREFIX", "")
    if prefix:
        if not has_proxy:
            return ""
        public = environ.get("JUPYTERHUB_PUBLIC_URL", "").rstrip("/")
        return f"{public or prefix.rstrip('/')}/proxy/{port}{path}"
    template = environ.get("VSCODE_PROXY_URI", "")
    if "{{port}}" in template:
        return template.replace("{{port}}", str(port)).rstrip("/") + path
    name = environ.get("CODESPACE_NAME", "")
    domain = environ.get("GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN", "")
    if name and domain:
        return f"https://{name}-{port}.{domain}{path}"
    if address in _EVERYWHERE:
        return f"http://localhost:{port}{path}"
    return f"http://{f'[{address}]' if ':' in address else address}:{port}{path}"
