"""Train by the recipe as published; further arguments are options of `s6erav3 train`."""

import sys

from s6erav3.__main__ import main

if __name__ == "__main__":
    sys.argv[1:1] = ["train", "--recipe", "original"]
    raise SystemExit(main())
