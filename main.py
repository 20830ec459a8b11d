from s6erav3.__main__ import main

if __name__ == "__main__":
    raise SystemExit(main(["train", "--recipe", "original"]))
