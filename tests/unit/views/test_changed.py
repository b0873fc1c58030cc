from nbcontainer.spec.changed import Changed, ContainerChange, FileChange
from nbcontainer.views.changed import details, summary, text_difference

WEB = ContainerChange(
    "web",
    did=("create", "start"),
    files=(
        FileChange("A", "/srv/index.html", -1, 7, None, "<h1>\n"),
        FileChange("C", "/etc/motd", 4, 6, "old\n", "newer\n"),
        FileChange("D", "/tmp/x", 3000, -1),
    ),
    execs=("sh",),
    peak_bytes=12 << 20,
)


def test_one_line_says_who_did_what():
    changed = Changed((WEB,), images=(("commit", "me/web:2"),), volumes=(("create", "data"),))
    assert summary(changed) == (
        "This cell: web started, ran a program · 3 files (−2.99kB) · image me/web:2 committed"
        " · volume data created · peak memory 12MiB"
    )


def test_a_program_that_ran_and_went_is_told_by_its_end():
    gone = ContainerChange("box", did=("create", "start", "die", "destroy"), exit_code=3)
    assert summary(Changed((gone,))) == "This cell: box started, ended (3), removed"
    stopped = ContainerChange("box", did=("kill", "die", "stop"), exit_code=137)
    assert summary(Changed((stopped,))) == "This cell: box killed, ended (137)"


def test_behind_it_stand_the_files_and_the_difference_of_small_ones():
    sections = details(Changed((WEB,)))
    assert sections[0] == (
        "web",
        [
            "added    /srv/index.html  7B",
            "changed  /etc/motd  4B → 6B",
            "deleted  /tmp/x  3kB",
            "ran      sh",
            "memory   12MiB at most",
        ],
    )
    assert sections[1] == ("web:/srv/index.html", ["@@ -0,0 +1 @@", "+<h1>"])
    assert sections[2] == ("web:/etc/motd", ["@@ -1 +1 @@", "-old", "+newer"])
    assert len(sections) == 3


def test_a_difference_needs_both_sides_to_be_text():
    assert text_difference(FileChange("C", "/x", 3, 9000, "old", None)) == []
    assert text_difference(FileChange("C", "/x", 9000, 3, None, "new")) == []
    assert text_difference(FileChange("A", "/x", -1, 5)) == []


def test_a_long_difference_is_cut():
    lines = text_difference(FileChange("A", "/x", -1, 999, None, "x\n" * 300))
    assert lines[-1] == "… and 241 lines more"


def test_files_are_counted_also_where_they_are_not_shown():
    many = ContainerChange("web", files=WEB.files, file_count=1300)
    assert summary(Changed((many,))) == "This cell: web · 1300 files"
    assert "… and 1297 more of 1300: `diff` has all of them" in details(Changed((many,)))[0][1]


def test_ports_and_a_directory_that_lost_something_are_told():
    web = ContainerChange("web", ("start",), ports="8080->80/tcp", listings=("/srv",))
    lines = details(Changed((web,)))[0][1]
    assert lines[0].startswith("listing  /srv ")
    assert lines[1] == "ports    8080->80/tcp"


def test_what_others_did_is_told_as_theirs():
    others = Changed((ContainerChange("db", ("die",), exit_code=0),))
    mine = Changed(networks=(("create", "net"), ("destroy", "old")), meanwhile=others)
    assert summary(mine) == (
        "This cell: network net created · network old removed · meanwhile: db ended (0)"
    )
    assert summary(Changed(meanwhile=others)) == "Meanwhile: db ended (0)"
    assert Changed(meanwhile=others)
