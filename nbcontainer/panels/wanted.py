"""Which commands are shown live.  Imports no widget: most lines are about something else."""

from __future__ import annotations

from ..commands.parse import Parsed

# what a command lists, by its name in the table of commands
TITLES = {
    "container ls": "Containers",
    "image ls": "Images",
    "volume ls": "Volumes",
    "network ls": "Networks",
}


def wanted(parsed: Parsed) -> str:
    """Return which method of Live shows the command's result, "" for none."""
    if parsed.command is None or parsed.help or parsed.args.values.get("no_live"):
        return ""
    path, args = parsed.command.paths[0], parsed.args.values
    # --format and --quiet say exactly what is to be seen
    plain = not args.get("quiet") and args.get("format") in (None, "", "table")
    if path in TITLES and plain:
        return "table"
    if path == "container stats" and plain and not args["no_stream"]:
        return "stats"
    if path == "system events" and plain and not args["until"]:
        return "events"
    if path == "container logs" and args["follow"] and not args["until"]:
        return "log"
    if path == "image layers":
        return "layers" if plain and not (args["json"] or args["path"] or args["other"]) else ""
    return "panel" if path == "system panel" else ""
