"""What to tell a person when Linux refuses a step: (step, errno) -> message and one thing to do."""

from __future__ import annotations

import errno
import os

from ..errors import EngineError, NoSpace, StepFailed

_ADVICE = {
    ("clone", errno.EPERM): "Allow user namespaces: `%cont doctor` names the switch of this host.",
    ("clone", errno.ENOSPC): "Raise user.max_user_namespaces and its kin, or remove containers.",
    ("clone", errno.EAGAIN): "Too many processes: raise `ulimit -u`, or stop containers.",
    ("map_ids", errno.EPERM): "Give this user ids in /etc/subuid and /etc/subgid.",
    ("make_cgroup", errno.ENOSPC): "Too many cgroups: remove containers.",
    (
        "make_cgroup",
        errno.EACCES,
    ): "No cgroup may be made here: `%cont doctor` says what is missing.",
    ("limit", errno.EACCES): "This limit cannot be set here: `%cont doctor` says what is missing.",
    ("limit", errno.EINVAL): "Linux refuses this value of a limit: choose another.",
    ("open_source", errno.ENOENT): "Create the directory, or name one that exists.",
    ("attach_source", errno.EINVAL): "Mount a file onto a file and a directory onto a directory.",
    ("attach_source", errno.ENOTDIR): "Mount a file onto a file and a directory onto a directory.",
    ("attach_source", errno.ELOOP): "A link in the image leads in a circle: mount elsewhere.",
    ("open_rootfs", errno.EINVAL): "Remove the container and create it anew.",
    ("open_rootfs", errno.ENOENT): "A layer is missing: remove the image and get it again.",
    ("open_rootfs", errno.ESTALE): "A layer was changed under the container: create it anew.",
    ("mount_tmpfs", errno.EINVAL): "Check the options of --tmpfs.",
    ("bind_device", errno.ENOENT): "Name a device that exists on this host.",
    ("change_directory", errno.ENOENT): "Name a directory that the container has.",
    ("change_directory", errno.ENOTDIR): "The working directory is a file in this image: use -w.",
    ("join", errno.ESRCH): "Start the other container first.",
}

_SENTENCE = {
    ("open_source", errno.ENOENT): "bind source path does not exist: {path}",
    ("change_directory", errno.ENOENT): 'chdir to cwd ("{path}") failed: no such file or directory',
    ("change_directory", errno.ENOTDIR): "Cannot mkdir: {path} is not a directory",
    (
        "bind_device",
        0,
    ): 'error gathering device information while adding custom device "{path}": {text}',
}


def refused(step: str, error: OSError) -> EngineError:
    """Return the typed error for a step that Linux refused."""
    number = error.errno or 0
    path = os.fsdecode(error.filename) if error.filename is not None else ""
    text = os.strerror(number) if number else str(error)
    if error.strerror and error.strerror != text:
        text = error.strerror
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS) and step in (
        "make_snapshot",
        "write_files",
    ):
        return NoSpace(f"{step.replace('_', ' ')}: {text}", "Free some space, then try again.")
    sentence = _SENTENCE.get((step, number)) or _SENTENCE.get((step, 0))
    if sentence:
        message = sentence.format(path=path, text=text)
    else:
        message = f"{step.replace('_', ' ')}: {path + ': ' if path else ''}{text}"
    return StepFailed(message, _ADVICE.get((step, number)), step=step, errno=number)
