import os

from nbcontainer.runtime import pipes


def test_what_the_process_writes_is_read_at_our_ends():
    theirs, ours = pipes.make_pipes(stdin=True, owner=0)
    os.write(ours[0], b"in")
    os.write(theirs[1], b"out")
    os.write(theirs[2], b"err")
    assert [os.read(end, 9) for end in (theirs[0], ours[1], ours[2])] == [b"in", b"out", b"err"]
    pipes.close_all(theirs)
    assert os.read(ours[1], 9) == b""
    pipes.close_all(ours)


def test_without_input_there_is_its_end_and_nothing_of_ours():
    theirs, ours = pipes.make_pipes(stdin=False, owner=0)
    assert ours[0] == -1
    assert os.read(theirs[0], 9) == b""
    pipes.close_all(ours)
    pipes.close_all(theirs)


def test_no_end_is_inherited_by_accident():
    theirs, ours = pipes.make_pipes(stdin=True, owner=0)
    assert not any(os.get_inheritable(end) for end in (*theirs, *ours))
    pipes.close_all(theirs)
    pipes.close_all(ours)


def test_for_a_terminal_all_three_are_one_and_closed_once():
    ends = pipes.no_streams()
    assert len(set(ends)) == 1
    pipes.close_all(ends)
    before = len(os.listdir("/proc/self/fd"))
    pipes.close_all((-1, -1, -1))
    assert len(os.listdir("/proc/self/fd")) == before
