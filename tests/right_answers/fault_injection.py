import os
import tempfile


def by_tempfile(path, produce):
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "w") as file:
            produce(file)
    except BaseException:
        os.remove(name)
        raise
    os.replace(name, path)


def each_position(reader, good, n):
    "Every byte in turn, as a list of names."
    found = []
    for i in range(n):
        position, value = i // 2 % len(good), i * 7 % 256
        truncated = good[:position]
        changed = good[:position] + bytes([value]) + good[position + 1 :]
        try:
            reader(changed if i % 2 else truncated)
        except Exception as error:
            if not isinstance(error, ValueError):
                found.append(type(error).__name__)
    return found


RIGHT = {
    "check_bound": [4.87, 4.870],
    "check_kills": [299.0],
    "check_write": [by_tempfile],
    "check_fuzz": [each_position],
}
