"""Docker's rows and documents, made from our values.  Pure: no clock, no disk, no terminal."""
