import os

from nbcontainer.runtime.loop import READ, Loop, is_gone


def test_a_ready_descriptor_is_called_until_it_is_forgotten():
    read, write = os.pipe()
    loop, seen = Loop(), []
    loop.watch(read, READ, lambda events: seen.append(os.read(read, 1)))
    os.write(write, b"ab")
    loop.step()
    loop.step()
    loop.forget(read)
    loop.forget(read)
    os.write(write, b"c")
    loop.step(limit_s=0)
    assert seen == [b"a", b"b"]
    os.close(read)
    os.close(write)


def test_the_end_of_a_pipe_is_told():
    read, write = os.pipe()
    loop, seen = Loop(), []
    loop.watch(read, READ, seen.append)
    os.close(write)
    loop.step()
    assert is_gone(seen[0])
    loop.forget(read)
    os.close(read)


def test_timers_are_due_in_their_order():
    loop, seen = Loop(), []
    loop.after(0.002, lambda: seen.append("later"))
    loop.after(0.001, lambda: seen.append("sooner"))
    while len(seen) < 2:
        loop.step()
    assert seen == ["sooner", "later"]


def test_a_cancelled_timer_does_nothing_and_is_not_waited_for():
    loop, seen = Loop(), []
    loop.after(3600, lambda: seen.append("no")).cancel()
    loop.after(0, lambda: seen.append("yes"))
    loop.step()
    assert seen == ["yes"]


def test_a_descriptor_that_a_call_forgets_is_not_called_after_it():
    one, two = os.pipe(), os.pipe()
    loop, seen = Loop(), []

    def first(events):
        seen.append("first")
        loop.forget(one[0])
        loop.forget(two[0])

    loop.watch(one[0], READ, first)
    loop.watch(two[0], READ, first)
    os.write(one[1], b"x")
    os.write(two[1], b"x")
    loop.step()
    assert seen == ["first"]
    for descriptor in (*one, *two):
        os.close(descriptor)


def test_a_loop_runs_until_it_is_told_to_end():
    loop = Loop()
    loop.after(0, lambda: setattr(loop, "running", False))
    loop.run()
    assert not loop.running
