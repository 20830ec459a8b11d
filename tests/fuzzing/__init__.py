"""Damaged and hostile files, and the readers that are tested with them.

`readers` calls the readers, `damage` changes bytes, `session` gives a reader many damaged files,
and the other modules make good, damaged and hostile files of a format each.
`python -m fuzzing READER COUNT FILE...` reads files in a process with little memory."""
