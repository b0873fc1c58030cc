"""The command language: one table, read by the magics, the command line, completion and help."""
