"""Views of a notebook that follow the engine: tables, the panel, logs, stats, the terminal.

    events --follower--> model.fold --patch--> board (a widget) --> the page
    a click --> actions.words --> the command table --> events …

`model` and `flow` are pure.  Whatever waits does so in a thread of its own; threads send messages to
widgets and never print.  Nothing is asked for while nothing happens.
"""
