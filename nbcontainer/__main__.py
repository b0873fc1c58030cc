"""python -m nbcontainer: the same as the nbcontainer program."""

from .cli import main

main()
