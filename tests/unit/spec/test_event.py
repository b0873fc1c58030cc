from nbcontainer.spec.codec import decode, encode
from nbcontainer.spec.event import Event


def test_an_event_survives_the_file_that_all_follow():
    event = Event(1, "container", "die", "abc", {"exitCode": "137"})
    assert decode(Event, encode(event)) == event
