"""The verbs about images."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from ..results import Image, Table, Text
from ..under_way import Stream, Transfer
from .archives import opened, written
from .formats import formatted
from .kinds import BOOL, IMAGE, LIST, PATH, PLATFORM, STRING
from .shared import FILTER_BY, FORMAT, NO_LIVE, NO_TRUNC, agreed, each
from .table import Args, Argument, Option, command, refused

ONE = Argument("image", IMAGE)
MANY = Argument("image", IMAGE, most=None)
_NO_CHOICE = refused("an image here is for one platform", "platform")


@command(
    "image ls",
    "image list",
    "images",
    summary="List images",
    options=(
        Option("all", "a", BOOL, "Show all images (default hides intermediate images)"),
        Option("digests", "", BOOL, "Show digests"),
        FILTER_BY,
        FORMAT,
        NO_LIVE,
        NO_TRUNC,
        Option("quiet", "q", BOOL, "Only show image IDs"),
        *refused("an image here is for one platform", "tree"),
    ),
    arguments=(Argument("repository", IMAGE, least=0, label="[REPOSITORY[:TAG]]"),),
)
def ls(engine: Any, args: Args) -> Table | Text:
    """List images."""
    table = engine.images(
        args.repository,
        all=args.all,
        digests=args.digests or ".Digest" in args.format,
        filter=args.filter,
        no_trunc=args.no_trunc,
    )
    return formatted(table, args.format, quiet=args.quiet)


@command(
    "image rm",
    "image remove",
    "rmi",
    summary="Remove one or more images",
    options=(
        Option("force", "f", BOOL, "Force removal of the image"),
        Option("no-prune", "", BOOL, "Do not delete untagged parents"),
        *_NO_CHOICE,
    ),
    arguments=(MANY,),
)
def rm(engine: Any, args: Args) -> Text:
    """Take names away from images, and remove those that lost their last."""
    done = each(
        args.image,
        lambda name: engine.rmi(name, force=args.force, no_prune=args.no_prune),
        line=lambda name, lines: "\n".join(lines),
    )
    lines = [line for text in done.lines for line in text.split("\n") if line]
    return Text(lines, errors=done.errors)


@command(
    "image tag",
    "tag",
    summary="Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
    arguments=(
        Argument("source", IMAGE, label="SOURCE_IMAGE[:TAG]"),
        Argument("target", IMAGE, label="TARGET_IMAGE[:TAG]"),
    ),
)
def tag(engine: Any, args: Args) -> Text:
    """Give an image one more name."""
    engine.tag(args.source, args.target)
    return Text()


@command(
    "image history",
    "history",
    summary="Show the history of an image",
    options=(
        FORMAT,
        Option("human", "H", BOOL, "Print sizes and dates in human readable format", default=True),
        NO_TRUNC,
        Option("quiet", "q", BOOL, "Only show image IDs"),
        *_NO_CHOICE,
    ),
    arguments=(ONE,),
)
def history(engine: Any, args: Args) -> Table | Text:
    """Show how an image was made, the newest step first."""
    table = engine.history(args.image, no_trunc=args.no_trunc, human=args.human)
    return formatted(table, args.format, quiet=args.quiet)


@command(
    "image import",
    "import",
    summary="Import the contents from a tarball to create a filesystem image",
    options=(
        Option("change", "c", LIST, "Apply Dockerfile instruction to the created image"),
        Option("message", "m", STRING, "Set commit message for imported image"),
        Option("platform", "", STRING, "Set the platform that the image says it is for"),
    ),
    arguments=(
        Argument("file", PATH, label="file|-"),
        Argument("reference", IMAGE, least=0, label="[REPOSITORY[:TAG]]"),
    ),
)
def import_(engine: Any, args: Args) -> Image:
    """Make an image of a tar of files."""
    asked = {"platform": args.platform} if args.platform else {}
    # a URL is the engine's to judge
    source: Any = (
        nullcontext(args.file)
        if "://" in args.file
        else opened(args, args.file, "there is no standard input to import from")
    )
    with source as given:
        made: Image = engine.import_(
            given, args.reference, change=args.change, message=args.message, **asked
        )
    return made


@command(
    "image load",
    "load",
    summary="Load an image from a tar archive or STDIN",
    options=(
        Option("input", "i", PATH, "Read from tar archive file, instead of STDIN"),
        Option("quiet", "q", BOOL, "Suppress the load output"),
        *_NO_CHOICE,
    ),
)
def load(engine: Any, args: Args) -> Text:
    """Take in images that `save` or Docker wrote."""
    with opened(args, args.input, "requested load from stdin, but stdin is empty") as stream:
        loaded: Text = engine.load(stream, quiet=args.quiet)
    return loaded


@command(
    "image save",
    "save",
    summary="Save one or more images to a tar archive (streamed to STDOUT by default)",
    options=(Option("output", "o", PATH, "Write to a file, instead of STDOUT"), *_NO_CHOICE),
    arguments=(MANY,),
)
def save(engine: Any, args: Args) -> Stream | Text:
    """Write images as one tar, which Docker and we can load."""
    return written(args, lambda output: engine.save(*args.image, output=output))


@command(
    "image inspect",
    summary="Display detailed information on one or more images",
    options=(
        Option("format", "f", STRING, "Format output using a custom template"),
        *_NO_CHOICE,
    ),
    arguments=(MANY,),
)
def inspect(engine: Any, args: Args) -> Any:
    """Show everything known about images."""
    from .system import inspected

    return inspected(engine, args.image, args.format, type="image")


@command(
    "image prune",
    summary="Remove unused images",
    options=(
        Option("all", "a", BOOL, "Remove all unused images, not just dangling ones"),
        FILTER_BY._replace(short=""),
        Option("force", "f", BOOL, "Do not prompt for confirmation"),
    ),
)
def prune(engine: Any, args: Args) -> Text:
    """Remove images without a name, or all that no container uses."""
    warning = (
        "This will remove all images without at least one container associated to them."
        if args.all
        else "This will remove all dangling images."
    )
    if not agreed(args, warning):
        return Text()
    removed: Text = engine.image_prune(all=args.all, filter=args.filter)
    return removed


@command(
    "image pull",
    "pull",
    summary="Download an image from a registry",
    options=(
        Option("all-tags", "a", BOOL, "Download all tagged images in the repository"),
        Option("platform", "", PLATFORM, "Choose the image for a platform (linux/arm64)"),
        Option("quiet", "q", BOOL, "Suppress verbose output"),
        *refused("Docker has given up content trust", "disable-content-trust"),
    ),
    arguments=(Argument("image", IMAGE, label="NAME[:TAG|@DIGEST]"),),
)
def pull(engine: Any, args: Args) -> Transfer:
    """Fetch an image: only what is not here yet."""
    pulling: Transfer = engine.pull_session(
        args.image, platform=args.platform, all_tags=args.all_tags, quiet=args.quiet
    )
    return pulling


@command(
    "image push",
    "push",
    summary="Upload an image to a registry",
    options=(
        Option("all-tags", "a", BOOL, "Push all tags of an image to the repository"),
        Option("quiet", "q", BOOL, "Suppress verbose output"),
        *_NO_CHOICE,
        *refused("Docker has given up content trust", "disable-content-trust"),
    ),
    arguments=(Argument("image", IMAGE, label="NAME[:TAG]"),),
)
def push(engine: Any, args: Args) -> Transfer:
    """Give an image to the registry in its name: only what that one lacks."""
    pushing: Transfer = engine.push_session(args.image, all_tags=args.all_tags, quiet=args.quiet)
    return pushing


# "image layers" begins with a word that is looked up here
from . import layers as _layers  # noqa: E402, F401
